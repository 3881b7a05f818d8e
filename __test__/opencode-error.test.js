import { createRequire } from 'node:module'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { OpenCodeError } from '../lib/opencode-error.js'

/** As if another version of the package were installed deeper in node_modules. */
function secondCopy() {
  const require = createRequire(import.meta.url)
  const file = require.resolve('../lib/opencode-error.js')
  const first = require.cache[file]
  delete require.cache[file]
  const copy = require(file)
  require.cache[file] = first
  return copy.OpenCodeError
}

const details = {
  code: 'ERR_OPENCODE_UNREACHABLE',
  hint: 'Run `opencode serve`.',
  accepted: false,
  retryable: true,
}

describe('OpenCodeError', () => {
  it('is an Error with a code, a hint and what is known', () => {
    const cause = new Error('refused')
    const error = new OpenCodeError('no answer', {
      ...details,
      cause,
      status: 503,
      sessionID: null,
      data: { phase: 'x' },
    })
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      ...details,
      name: 'OpenCodeError',
      message: 'no answer',
      status: 503,
      data: { phase: 'x' },
    })
    expect(error.cause).toBe(cause)
    expect('sessionID' in error).toBe(false)
  })

  it('shows code and hint wherever a stack is printed, and the hint only once', () => {
    const error = new OpenCodeError('no answer', details)
    expect(error.stack).toMatch(
      /^OpenCodeError \[ERR_OPENCODE_UNREACHABLE\]: no answer\n {2}hint: Run `opencode serve`\.\n {4}at /,
    )
    expect(inspect(error).split('Run `opencode serve`.')).toHaveLength(2)
    expect(inspect(error)).toContain('accepted: false')
  })

  it('can be written as JSON', () => {
    const error = new OpenCodeError('no answer', { ...details, cause: new Error('refused') })
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      ...details,
      name: 'OpenCodeError',
      message: 'no answer',
      cause: 'refused',
    })
  })

  it('is recognised by every copy of the package', () => {
    const Other = secondCopy()
    expect(Other).not.toBe(OpenCodeError)
    expect(new Other('x', details) instanceof OpenCodeError).toBe(true)
    expect(new OpenCodeError('x', details) instanceof Other).toBe(true)
  })

  it('nothing else is recognised', () => {
    for (const other of [new Error('x'), { ...details }, null, undefined, 'x', () => {}]) {
      expect(other instanceof OpenCodeError).toBe(false)
    }
  })

  it('a subclass means only itself', () => {
    class Mine extends OpenCodeError {}
    expect(new Mine('x', details) instanceof OpenCodeError).toBe(true)
    expect(new Mine('x', details) instanceof Mine).toBe(true)
    expect(new OpenCodeError('x', details) instanceof Mine).toBe(false)
  })
})
