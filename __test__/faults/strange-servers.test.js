// What no OpenCode does, and a broken or hostile server might: one typed error, or nothing at all, and never a hang.
import { afterEach, describe, expect, it } from 'vitest'
import { generate } from '../../index.js'
import { randomOf, seedOfTheRun } from './seed.mjs'
import { strangeServer, turnSaying } from './strange-server.mjs'

const seed = seedOfTheRun()
let server
afterEach(() => server?.close())

const ask = async (setup, options) => {
  server = await strangeServer(setup)
  return generate('hi', {
    baseUrl: server.url,
    directory: '/',
    timeouts: { connect: 1_000, accept: 1_000 },
    ...options,
  })
}
const json = (text) => (_, response) =>
  response.writeHead(200, { 'content-type': 'application/json' }).end(text)

describe('on the event stream', () => {
  it('10,000 malformed records cost nothing, and the answer is whole', async () => {
    const garbage = Array.from({ length: 10_000 }, (_, n) => malformed(n))
    const [first, ...rest] = turnSaying('whole')
    const { text } = await ask({ records: () => [first, ...garbage, ...rest] })
    expect(text, `OPENCODE_STREAM_FAULT_SEED=${seed}`).toBe('whole')
  })

  it.each([
    [
      'a known event without what we need of it',
      '{"type":"message.part.delta","properties":{"sessionID":"ses_1"}}',
    ],
    ['a record that is no JSON', 'ses_1 {'],
  ])('%s, of our session, is a protocol error', async (_, record) => {
    await expect(ask({ records: () => [`data: ${record}\n\n`] })).rejects.toMatchObject({
      code: 'ERR_OPENCODE_PROTOCOL',
      hint: expect.stringContaining('report'),
    })
  })

  it('a record that never ends is a limit', async () => {
    const endless = () => [`data: ${'x'.repeat(200_000)}`]
    await expect(ask({ records: endless }, { limits: { record: 100_000 } })).rejects.toMatchObject({
      code: 'ERR_OPENCODE_LIMIT',
      accepted: true,
    })
  })
})

describe('as an answer', () => {
  const endlessHead = (_, response) => {
    response.socket.write('HTTP/1.1 200 OK\r\n')
    const more = setInterval(() => response.socket.write(`x-more: ${'y'.repeat(50)}\r\n`), 5)
    response.socket.on('error', () => {}).once('close', () => clearInterval(more))
  }
  it.each([
    ['a head that never ends', endlessHead, /TIMEOUT|UNREACHABLE/],
    ['broken JSON', json('{"id":'), /NOT_A_SERVER/],
    ['JSON of another shape', json('[1,2]'), /PROTOCOL/],
    [
      'another content type',
      (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
      /NOT_A_SERVER/,
    ],
    ['nothing', (_, response) => response.destroy(), /UNREACHABLE/],
    [
      'a length it does not keep',
      (_, response) => {
        response.writeHead(200, { 'content-length': 99 }).write('{')
        response.socket.end()
      },
      /UNREACHABLE/,
    ],
  ])('%s, where a session was to be made, is one error, and no prompt is sent', async (_, answer, code) => {
    await expect(ask({ answers: { '/session': answer } })).rejects.toMatchObject({
      code: expect.stringMatching(code),
      accepted: false,
    })
    expect(server.prompts).toEqual([])
  })

  it('a release that cannot take a prompt and stream is told before anything is sent', async () => {
    const none = (_, response) => response.writeHead(403).end()
    const answers = {
      '/global/health': none,
      '/api/info': none,
      '/path': json('{"directory":"/"}'),
      '/doc': json('{"paths":{"/session/{id}/message":{}}}'),
    }
    await expect(ask({ answers })).rejects.toMatchObject({
      code: 'ERR_OPENCODE_UNSUPPORTED_VERSION',
      accepted: false,
      hint: expect.stringContaining('1.0.142'),
    })
  })
})

/** Broken in one of many ways; it does not name our session. */
function malformed(n) {
  const { pick, below } = randomOf(seed, 'malformed', n)
  const whole = JSON.stringify(pick(turnSaying('x'))).replaceAll('ses_1', 'ses_other')
  return pick([
    () => `data: ${whole.slice(0, below(whole.length))}\n\n`,
    () => `data: ${whole.replace(/"[a-zA-Z]+":/, '')}\n\n`,
    () => `data: ${pick(['null', '[]', '1', '""', '{}', 'NaN', '{"type":1}', '[[[[', '\u0000'])}\n\n`,
    () => `${pick(['event', 'id', 'retry', ':', 'dat', 'data'])}${pick(['', ':', ': x'])}\r\n\r\n`,
    () =>
      `data: {"type":"${pick(['message.updated', 'session.status', 'session.idle'])}","properties":${below(9)}}\n\n`,
  ])()
}
