// What package managers put in the place of OpenCode, and the binary behind it. Each binary here only says which it is.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import opencode from '../../index.js'

const { generate } = opencode
const STUB = 'echo "Error: opencode-ai\'s postinstall script was not run." >&2\nexit 1\n'
const folders = []
let root
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'which-'))
  folders.push(root)
})
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function put(path, content) {
  const file = join(root, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content, { mode: 0o755 })
  return file
}

const binary = (name) => `#!/bin/sh\necho "this is ${name}" >&2\nexit 3\n`

/** What was started, by its own word. */
async function started(options) {
  const error = await generate('hi', { mode: 'server', autostart: true, directory: root, ...options }).catch(
    (error) => error,
  )
  return /this is (.*)/.exec(error.stderr)?.[1] ?? error
}

const platform = () => (process.report.getReport().header.glibcVersionRuntime ? '' : '-musl')
const name = (kind) => `opencode-${process.platform}-${process.arch}${kind}`

describe.runIf(process.platform !== 'win32')('the binary behind', () => {
  const global = 'lib/node_modules/opencode-ai'

  it('the stub of a package whose install script has not run', async () => {
    const stub = put(`${global}/bin/opencode.exe`, STUB)
    put(`${global}/node_modules/${name(platform())}/bin/opencode`, binary('the platform package'))
    expect(await started({ cliPath: stub })).toBe('the platform package')
  })

  it('a link to such a stub, as npm makes it on PATH', async () => {
    const stub = put(`${global}/bin/opencode.exe`, STUB)
    put(`lib/node_modules/${name(platform())}/bin/opencode`, binary('the platform package'))
    const bin = mkdtempSync(join(tmpdir(), 'which-bin-'))
    folders.push(bin)
    symlinkSync(stub, join(bin, 'opencode'))
    const project = join(root, 'project')
    mkdirSync(project)
    const env = { PATH: `${bin}:${process.env.PATH}` }
    expect(await started({ cliPath: 'opencode', env, directory: project })).toBe('the platform package')
  })

  it('a launcher of pnpm, which only names its place', async () => {
    const launcher = put(
      'pnpm/opencode',
      '#!/bin/sh\nexec "$basedir/global/5/node_modules/opencode-ai/bin/opencode.exe" "$@"\n',
    )
    put('pnpm/global/5/node_modules/opencode-ai/bin/opencode.exe', STUB)
    put(`pnpm/global/5/node_modules/${name(platform())}/bin/opencode`, binary('the platform package'))
    expect(await started({ cliPath: launcher })).toBe('the platform package')
  })

  it('is the one for this libc and processor, of all that npm installed', async () => {
    const stub = put(`${global}/bin/opencode.exe`, STUB)
    for (const kind of ['', '-musl', '-baseline', '-baseline-musl'])
      put(`${global}/node_modules/${name(kind)}/bin/opencode`, binary(`"${kind}"`))
    const right = platform() === '-musl' ? ['-musl', '-baseline-musl'] : ['', '-baseline']
    expect(right).toContain((await started({ cliPath: stub })).replaceAll('"', ''))
  })

  it('is missing: the stub is not started, and the hint says what to run', async () => {
    const error = await started({ cliPath: put(`${global}/bin/opencode.exe`, STUB) })
    expect(error).toMatchObject({ code: 'ERR_OPENCODE_CLI_NOT_FOUND', accepted: false })
    expect(error.hint).toContain('postinstall')
  })

  it('a script of the user is no stub, and is started as it is', async () => {
    expect(await started({ cliPath: put('mine', binary('mine')) })).toBe('mine')
  })
})
