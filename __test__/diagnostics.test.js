// What can be seen of a turn from outside, by channel and by OPENCODE_STREAM_LOG; and what never can.
import { spawn } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { OpenCode } from '../lib/client.js'
import { redactor } from '../lib/redact.js'
import { scriptedBinding } from './support/scripted-binding.js'

const PACKAGE = fileURLToPath(new URL('../index.js', import.meta.url))
const MOMENTS = ['start', 'session', 'event', 'end']

describe('the channels of a turn', () => {
  let seen
  const listeners = MOMENTS.map((moment) => [
    `opencode-stream:turn:${moment}`,
    (message) => seen.push([moment, message]),
  ])
  beforeEach(() => {
    seen = []
    for (const [name, listener] of listeners) subscribe(name, listener)
  })
  afterEach(() => {
    for (const [name, listener] of listeners) unsubscribe(name, listener)
  })

  const turn = (play, options) => {
    const native = scriptedBinding((turn) => {
      turn.sessionID = 'ses_1'
      play(turn)
    })
    const defaults = { baseUrl: 'http://me:hunter2@127.0.0.1:1', headers: { 'x-key': 'of-a-header' } }
    return new OpenCode(defaults, native).generateStream('a secret plan', options)
  }

  it('tell of its start, its session and its end, in that order', async () => {
    await turn((turn) => {
      turn.say('Hello')
      turn.finish()
    }).result
    expect(seen.map(([moment]) => moment)).toEqual(['start', 'session', 'end'])
    const [[, start], [, session], [, end]] = seen
    expect(start).toMatchObject({
      url: 'http://127.0.0.1:1',
      authenticated: true,
      headers: ['x-key'],
      parts: 1,
    })
    expect(session).toMatchObject({ turn: start.turn, sessionID: 'ses_1' })
    expect(end).toMatchObject({ turn: start.turn, sessionID: 'ses_1', finishReason: 'stop' })
    expect(end.duration).toBeGreaterThanOrEqual(session.duration)
  })

  it('tell what the events are about that are read, and not their words', async () => {
    const stream = turn((turn) => {
      turn.emit({ type: 'text-delta', sessionID: 'ses_1', partID: 'prt_1', delta: 'the answer' })
      turn.emit({ type: 'tool', sessionID: 'ses_1', tool: 'bash', status: 'completed', output: 'of a tool' })
      turn.finish()
    })
    for await (const _ of stream.events);
    const events = seen.filter(([moment]) => moment === 'event').map(([, { turn: _, ...about }]) => about)
    expect(events).toEqual([
      { type: 'text-delta', sessionID: 'ses_1', partID: 'prt_1' },
      { type: 'tool', sessionID: 'ses_1', tool: 'bash', status: 'completed' },
      { type: 'finish', sessionID: 'ses_1' },
    ])
  })

  it('tell of a failure by code, without what other programs said', async () => {
    const failure = {
      code: 'ERR_OPENCODE_BAD_REQUEST',
      message: 'OpenCode says: no hunter2, please, nor of-a-header',
      accepted: false,
      status: 400,
      stderr: 'hunter2',
      data: { text: 'hunter2' },
    }
    await expect(turn((turn) => turn.fail(failure)).result).rejects.toThrow()
    expect(seen.at(-1)).toEqual([
      'end',
      expect.objectContaining({
        error: {
          name: 'OpenCodeError',
          code: 'ERR_OPENCODE_BAD_REQUEST',
          message: 'OpenCode says: no [redacted], please, nor [redacted]',
          accepted: false,
          status: 400,
        },
      }),
    ])
  })

  it('hold neither the prompt nor anything secret', async () => {
    await turn((turn) => turn.finish(), { system: 'a secret plan' }).result
    expect(seen).toHaveLength(3)
    expect(JSON.stringify(seen)).not.toMatch(/secret plan|hunter2|of-a-header/)
  })
})

it('nobody is told, and nothing is made to be told, while nobody subscribes', async () => {
  let asked = 0
  const native = scriptedBinding((turn) => {
    Object.defineProperty(turn, 'sessionID', { get: () => ++asked })
    turn.finish()
  })
  await new OpenCode({}, native).generate('Hi')
  expect(asked).toBe(0)
})

describe('secrets are taken out of texts', () => {
  const request = {
    credentials: { username: 'me', password: 'hunter2' },
    headers: { cookie: 'of a header' },
    launch: {
      environment: { ADDED: 'of the call', MY_TOKEN: 'by its name', HOME: process.env.HOME, SHORT: 'no' },
    },
  }
  it.each(['hunter2', btoa('me:hunter2'), 'of a header', 'of the call', 'by its name'])('%s', (secret) => {
    expect(redactor(request)(`before ${secret} after`)).toBe('before [redacted] after')
  })
  it('but for what is no secret', () => {
    expect(redactor(request)(`no, ${process.env.HOME}`)).toBe(`no, ${process.env.HOME}`)
  })
})

describe('OPENCODE_STREAM_LOG=debug', () => {
  let folder
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'opencode-log-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  /** What a program prints to stderr that runs one turn and shows nothing of its failure. */
  async function logged(options, env) {
    const program = `require(${JSON.stringify(PACKAGE)}).generate('Hi', ${JSON.stringify(options)}).catch(() => {})`
    const child = spawn(process.execPath, ['-e', program], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const [printed] = await Promise.all([text(child.stderr), once(child, 'close')])
    return printed
  }

  it('prints a line for each moment, with no secret, though the server echoes them all', async () => {
    const server = createServer((request, response) => {
      const body = JSON.stringify({ name: 'BadRequest', data: { message: JSON.stringify(request.headers) } })
      response.writeHead(400, { 'content-type': 'application/json' }).end(body)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const printed = await logged(
      {
        baseUrl: `http://127.0.0.1:${server.address().port}`,
        password: 'hunter2',
        headers: { 'x-key': 'of-a-header' },
      },
      { OPENCODE_STREAM_LOG: 'debug' },
    )
    server.close()
    expect(printed).toMatch(
      /^\S+ opencode-stream turn 1 start routes=server url=http:\/\/127\.0\.0\.1:\d+ .*authenticated=true/,
    )
    expect(printed).toMatch(/turn 1 end after \d+ ms .*ERR_OPENCODE_/)
    expect(printed.trimEnd().split('\n')).toHaveLength(2)
    for (const secret of ['hunter2', btoa('opencode:hunter2'), 'of-a-header'])
      expect(printed).not.toContain(secret)
  })

  it.runIf(process.platform !== 'win32')(
    'prints no environment, though what we start prints it all',
    async () => {
      const cliPath = join(folder, 'opencode')
      writeFileSync(cliPath, '#!/bin/sh\nenv >&2\nexit 1\n')
      chmodSync(cliPath, 0o755)
      const options = { cliPath, env: { ADDED: 'of-the-call' }, directory: folder }
      const printed = await logged(options, { OPENCODE_STREAM_LOG: 'debug', SOME_TOKEN: 'of-the-process' })
      expect(printed).toMatch(/turn 1 end after \d+ ms .*ERR_OPENCODE_/)
      expect(printed).not.toMatch(/of-the-call|of-the-process/)
    },
  )

  it('says nothing without it, and that it knows no other level', async () => {
    const options = { baseUrl: 'http://127.0.0.1:1' }
    expect(await logged(options, { OPENCODE_STREAM_LOG: '' })).toBe('')
    expect(await logged(options, { OPENCODE_STREAM_LOG: 'trace' })).toMatch(/not 'debug'/)
  })
})
