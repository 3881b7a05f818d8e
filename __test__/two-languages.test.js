// What both languages know: it is written down twice, and must be the same.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateStream } from '../index.js'
import { SEPARATOR } from '../lib/separator.js'
import { request } from './support/requests.mjs'

const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

describe('a turn that is aborted before its prompt', () => {
  /** Takes connections and says nothing, so that a turn gets no further than to it. */
  const mute = createServer()
  const sockets = []
  let options
  beforeAll(async () => {
    mute.on('connection', (socket) => sockets.push(socket))
    mute.listen(0, '127.0.0.1')
    await once(mute, 'listening')
    options = { mode: 'server', baseUrl: `http://127.0.0.1:${mute.address().port}`, directory: '.' }
  })
  afterAll(() => {
    for (const socket of sockets) socket.destroy()
    mute.close()
  })

  const outcomeOf = async (stream) => {
    const events = []
    for await (const event of stream.events) events.push(event)
    return { events, result: await stream.result, sessionID: stream.sessionID }
  }

  const beforeItsStart = (more) => {
    const stream = generateStream('hello', { ...options, ...more })
    stream.abort()
    return outcomeOf(stream)
  }

  const inNativeCode = async (more) => {
    const stream = generateStream('hello', { ...options, ...more })
    const connected = once(mute, 'connection')
    const outcome = outcomeOf(stream)
    await connected
    stream.abort()
    return outcome
  }

  it.each([
    ['of a new session', {}, undefined],
    ['of a session that is named', { sessionID: 'ses_1' }, 'ses_1'],
    ['of a fork, whose session does not exist yet', { sessionID: 'ses_1', fork: true }, undefined],
  ])('%s comes to the same, whether native code has it or not', async (_, more, sessionID) => {
    const native = await inNativeCode(more)
    expect(native).toEqual(await beforeItsStart(more))
    expect(native.result).toMatchObject({ text: '', finishReason: 'abort' })
    expect(native.result.sessionID).toBe(sessionID)
    expect(native.events).toEqual([{ type: 'finish', sessionID, result: native.result }])
  })
})

describe('what is written in Rust and in JavaScript', () => {
  it('has one separator of texts', () => {
    const [, literal] = /SEPARATOR: &str = (".*");/.exec(read('src/protocol/stream_event.rs'))
    expect(JSON.parse(literal)).toBe(SEPARATOR)
  })

  it('has one set of timeouts, and the types state it', () => {
    const { total, ...timeouts } = request({}).timeouts
    const types = read('index.d.ts')
    const [, stated] = /export interface Timeouts \{([\s\S]*?)^\}/m.exec(types)
    const milliseconds = Object.fromEntries(
      [...stated.matchAll(/Default: ([\d ]+)\.[^?]*?(\w+)\?:/g)].map(([, text, name]) => [
        name,
        Number(text.replaceAll(' ', '')),
      ]),
    )
    expect(total).toBe(null)
    expect(milliseconds).toEqual(timeouts)
    const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    const [, native] = /timeouts: Timeouts \{([\s\S]*?)\}/.exec(read('src/request.rs'))
    const seconds = Object.fromEntries(
      [...native.matchAll(/(\w+): seconds\((\d+)\)/g)].map(([, name, count]) => [name, count * 1000]),
    )
    expect(seconds).toEqual(
      Object.fromEntries(Object.entries(timeouts).map(([name, ms]) => [snake(name), ms])),
    )
  })
})
