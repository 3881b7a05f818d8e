// What a user reads where there is no addon. The generated loader's own words are about npm's bugs.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseTriple } from '@napi-rs/cli'
import { describe, expect, it } from 'vitest'
import addon from '../lib/addon.js'
import { installedProject } from './support/installed.mjs'

const { loadAddon, PREBUILT } = addon
const MODEL = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'

const failing = (cause) => () => {
  throw new Error('Cannot find native binding.', { cause })
}
const missing = Object.assign(new Error("Cannot find module './x.node'"), { code: 'MODULE_NOT_FOUND' })

describe('without a native addon', () => {
  it('a platform that has none is named, with those that do and a way out', () => {
    expect(() => loadAddon(failing(missing), 'freebsd-x64')).toThrow(
      expect.objectContaining({
        name: 'OpenCodeError',
        code: 'ERR_OPENCODE_ADDON',
        accepted: false,
        message: 'opencode-stream has no prebuilt addon for freebsd-x64',
        hint: expect.stringMatching(/linux-x64-musl.*npm run build/s),
      }),
    )
  })

  it('one whose package was left out is told the name of the package', () => {
    expect(() => loadAddon(failing(missing), 'linux-arm64-musl')).toThrow(
      expect.objectContaining({
        code: 'ERR_OPENCODE_ADDON',
        message: 'The native addon of opencode-stream for linux-arm64-musl is not installed',
        hint: expect.stringContaining('`opencode-stream-linux-arm64-musl`'),
      }),
    )
  })

  it('a file that the system refuses is told with the words of the system', () => {
    const refused = Object.assign(new Error("version `GLIBC_2.34' not found\nmore"), {
      code: 'ERR_DLOPEN_FAILED',
      cause: missing,
    })
    expect(() => loadAddon(failing(refused), 'linux-x64-gnu')).toThrow(
      expect.objectContaining({
        message:
          "The native addon of opencode-stream cannot be loaded on linux-x64-gnu: version `GLIBC_2.34' not found",
        hint: expect.stringContaining('older than the addon'),
        cause: refused,
      }),
    )
  })

  it.each([
    ['--no-addons', [], '`--no-addons`'],
    ['the permission model', [MODEL, '--allow-fs-read=*'], '`--allow-addons`'],
  ])('where %s forbids addons, that is told', (name, flags, hint) => {
    const words = name === '--no-addons' ? ['--no-addons'] : flags
    const program = `try { require('.') } catch ({ code, message, hint }) { console.log(JSON.stringify({ code, message, hint })) }`
    const root = fileURLToPath(new URL('..', import.meta.url))
    const { stdout, stderr } = spawnSync(process.execPath, [...words, '-e', program], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(JSON.parse(stdout || `"${stderr}"`)).toEqual({
      code: 'ERR_OPENCODE_ADDON',
      message: 'Node forbids native addons here, and opencode-stream has one',
      hint: expect.stringContaining(hint),
    })
  })

  it('the platforms we name are those we build', () => {
    const { napi } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
    const built = napi.targets.map((target) => parseTriple(target).platformArchABI)
    expect([...PREBUILT].sort()).toEqual(built.sort())
  })

  it('`require` of an installed package throws it', async () => {
    const project = installedProject({ 'main.cjs': "require('opencode-stream')" })
    try {
      project.omitAddon()
      const { code, printed } = await project.run('main.cjs')
      expect(code).toBe(1)
      expect(printed).toMatch(
        /OpenCodeError \[ERR_OPENCODE_ADDON\]: .* is not installed\n {2}hint: npm installs it/,
      )
    } finally {
      project.remove()
    }
  })
})
