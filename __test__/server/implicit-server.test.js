// Nobody named a server: 127.0.0.1:4096 is used, but only if it is ours.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { generate, health } from '../../index.js'
import testing from '../../testing/index.js'

const { scriptedModel, startOpenCode, text } = testing
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
