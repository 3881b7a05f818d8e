// Our own working directory, removed while we run: an error of ours, and none where no directory is needed.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const INDEX = fileURLToPath(new URL('../index.js', import.meta.url))

/** What each call comes to, in a process whose working directory is gone. */
function outcomes() {
  const base = mkdtempSync(join(tmpdir(), 'working-directory-'))
  const program = `
    const { mkdirSync, rmdirSync } = require('node:fs')
    const { health, generate, generateStream, OpenCode } = require(${JSON.stringify(INDEX)})
    mkdirSync('gone')
    process.chdir('gone')
    rmdirSync(${JSON.stringify(join(base, 'gone'))})
    // Nobody listens there.
    const baseUrl = 'http://127.0.0.1:9'
    const directory = ${JSON.stringify(base)}
    const calls = {
      none: () => generate('Hi', { baseUrl }),
      relative: () => generate('Hi', { baseUrl, directory: 'a' }),
      file: () => generate('Hi', { baseUrl, directory, files: ['a'] }),
      cliPath: () => generate('Hi', { mode: 'cli', cliPath: './a', directory }),
      stream: () => generateStream('Hi', { mode: 'cli' }).result,
      elsewhere: () => generateStream('Hi', { baseUrl: 'http://192.0.2.1' }) && 'taken',
      absolute: () => generate('Hi', { baseUrl, directory }),
      health: () => health({ baseUrl }),
    }
    const outcome = async (call) => { try { return await call() } catch (error) { return [error.code, error.message] } }
    Promise.all(Object.entries(calls).map(async ([name, call]) => [name, await outcome(call)]))
      .then((all) => console.log(JSON.stringify(Object.fromEntries(all))))`
  try {
    return JSON.parse(execFileSync(process.execPath, ['-e', program], { cwd: base, encoding: 'utf8' }))
  } finally {
    rmSync(base, { recursive: true })
  }
}

it.skipIf(process.platform === 'win32')('the working directory is gone', () => {
  const gone = ['ERR_OPENCODE_INVALID_OPTION', expect.stringContaining('working directory of this process')]
  const reached = ['ERR_OPENCODE_UNREACHABLE', expect.any(String)]
  expect(outcomes()).toEqual({
    ...{ none: gone, relative: gone, file: gone, cliPath: gone, stream: gone },
    ...{ elsewhere: 'taken', absolute: reached, health: reached },
  })
})
