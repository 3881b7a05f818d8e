// Nobody named a server: 127.0.0.1:4096 is used, but only if it is ours.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { generate, health } from '../../index.js'
import testing from '../../testing/index.js'
import { hasTerminal, inTerminal, quoted } from '../support/command.mjs'
import { processesMarked } from '../support/processes.mjs'
import { until } from '../support/real-opencode.mjs'

const { opencodeBinary, scriptedModel, startOpenCode, text, toolCall } = testing
const NOBODY = 65_534

/** Listens on 4096 and prints the head and body of whatever it is sent. */
const LISTENER = `
  const { createServer } = require('node:net')
  createServer((socket) => socket.on('data', (bytes) => process.stdout.write('GOT ' + bytes)))
    .listen(4096, '127.0.0.1', () => process.stdout.write('ready'))
`

describe('the implicit server', () => {
  it('nobody listens: unreachable, with what to do', async () => {
    const error = await generate('hi', { mode: 'server' }).catch((error) => error)
    expect(error).toMatchObject({ code: 'ERR_OPENCODE_UNREACHABLE', accepted: false })
    expect(error.hint).toMatch(/baseUrl/)
  })

  // Only root can start a process as somebody else.
  it.runIf(process.getuid?.() === 0)('a stranger on 4096 sees neither prompt nor credentials', async () => {
    const stranger = spawn(process.execPath, ['-e', LISTENER], { uid: NOBODY, gid: NOBODY, cwd: '/' })
    let seen = ''
    stranger.stdout.on('data', (bytes) => {
      seen += bytes
    })
    try {
      await once(stranger.stdout, 'data')
      for (const call of [
        () => generate('a secret prompt', { mode: 'server', password: 'hunter2' }),
        health,
      ]) {
        const error = await call().catch((error) => error)
        expect(error).toMatchObject({ code: 'ERR_OPENCODE_UNREACHABLE', accepted: false })
        expect(error.message).toContain(`uid ${NOBODY}`)
      }
      expect(seen).toBe('ready')
    } finally {
      stranger.kill('SIGKILL')
      await once(stranger, 'close')
    }
  })

  it('our own OpenCode on 4096 is found, without environment credentials', async () => {
    const model = await scriptedModel()
    const server = await startOpenCode({ model, port: 4096 })
    process.env.OPENCODE_SERVER_PASSWORD = 'for a named server only'
    try {
      model.reply(text('found'))
      const result = await generate('hi', { directory: server.directory })
      expect(result).toMatchObject({ text: 'found', route: 'server' })
      expect(await health()).toMatchObject({ url: 'http://127.0.0.1:4096', authenticated: false })
    } finally {
      delete process.env.OPENCODE_SERVER_PASSWORD
      await server.stop()
      await model.close()
    }
  })
})

// Here, because it looks at 4096 first, and would take what another test has there.
describe.skipIf(!hasTerminal())('the command line, where there is no server', () => {
  const CTRL_C = '\u0003'
  let model
  let executable
  let directory
  beforeAll(async () => {
    model = await scriptedModel()
    executable = await opencodeBinary()
    directory = mkdtempSync(join(tmpdir(), 'opencode-command-'))
  })
  afterAll(async () => {
    await model?.close()
    rmSync(directory, { recursive: true, force: true })
  })
  afterEach(() => model.reset())

  /** All that carries the environment of our OpenCode: the command, its private server, and the tools of that. */
  const alive = () => processesMarked(model.env.XDG_DATA_HOME)
  const isServer = ({ line }) => line.startsWith(`${executable} serve`)
  const atWork = async () => {
    model.reply(toolCall('bash', { command: 'sleep 1000', description: 'Sleeps' }))
    const env = { ...model.env, OPENCODE_BIN: executable }
    const running = inTerminal(`exec $COMMAND --dir ${quoted(directory)} 'sleep well'`, { env })
    await until(() => alive().some(({ line }) => line.startsWith('sleep 1000')))
    expect(alive().filter(isServer)).toHaveLength(1)
    return running
  }

  it('one Ctrl-C stops the turn in its private server, and nothing is left of either', async () => {
    const running = await atWork()
    running.child.stdin.write(CTRL_C)
    const { code, stdout } = await running.ended
    expect(code).toBe(130)
    expect(stdout).toMatch(/interrupted: waiting for OpenCode to stop[\s\S]* out · /)
    await until(() => alive().length === 0)
  })

  it('two Ctrl-C end at once, though the server hears nothing, and nothing is left either', async () => {
    const running = await atWork()
    process.kill(alive().find(isServer).pid, 'SIGSTOP')
    running.child.stdin.write(CTRL_C)
    await until(() => running.stdout.includes('interrupted'))
    running.child.stdin.write(CTRL_C)
    const { code, stdout } = await running.ended
    expect(code).toBe(130)
    expect(stdout).not.toContain(' out · ')
    await until(() => alive().length === 0)
  })
})
