// What differs on Windows, asked for by name so that it is tested everywhere.
import { describe, expect, it } from 'vitest'
import { mergeEnvironment, resolveDirectory } from '../lib/platform.js'

describe('an environment on Windows', () => {
  const merge = (under, over) => mergeEnvironment(under, over, 'win32')

  it('has each variable once, by any case', () => {
    expect(merge({ Path: 'C:\\one' }, { PATH: 'C:\\two' })).toEqual({ Path: 'C:\\two' })
    expect(merge({ Path: 'C:\\one', HOME: 'x' }, {})).toEqual({ Path: 'C:\\one', HOME: 'x' })
  })

  it('names what OpenCode reads as we look for it', () => {
    expect(merge({ opencode_bin: 'a' }, { Opencode_Config_Content: '{}' })).toEqual({
      OPENCODE_BIN: 'a',
      OPENCODE_CONFIG_CONTENT: '{}',
    })
  })

  it('elsewhere names differ by case', () => {
    expect(mergeEnvironment({ Path: 'a' }, { PATH: 'b' }, 'linux')).toEqual({ Path: 'a', PATH: 'b' })
  })
})

describe('a directory on Windows', () => {
  it("that begins with / is the named server's own", () => {
    expect(resolveDirectory('/home/x/../y', true, 'win32')).toBe('/home/y')
    expect(resolveDirectory('\\\\wsl$\\Debian\\home', true, 'win32')).toBe('\\\\wsl$\\Debian\\home')
    expect(resolveDirectory('//server/share/x', true, 'win32')).toBe('\\\\server\\share\\x')
    expect(resolveDirectory('C:\\project', true, 'win32')).toBe('C:\\project')
  })

  it('is ours where no server is named', () => {
    expect(resolveDirectory('/home/x', false, 'win32')).toMatch(/\\home\\x$/)
  })
})
