import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { eventResponse } from '../lib/event-response.js'
import { answer, failed, failure, scripted, settle } from './support/scripted-stream.mjs'

const consumed = expect.objectContaining({ code: 'ERR_OPENCODE_STREAM_CONSUMED' })

describe('toReadableStream()', () => {
  it('is cold until it is read, gives the text, and closes', async () => {
    const { stream, turns } = scripted(answer)
    const web = stream.toReadableStream()
    await settle()
    expect(turns).toHaveLength(0)
    expect(await textOf(web)).toBe('Hello')
  })

  it('asks for nothing that nobody wants: a slow reader gets one larger chunk', async () => {
    const { stream, turns } = scripted((turn) => turn.say('a'))
    const reader = stream.toReadableStream().getReader()
    expect((await reader.read()).value).toBe('a')
    for (const word of ['b', 'c', 'd']) {
      turns[0].say(word)
      await settle()
    }
    expect((await reader.read()).value).toBe('bcd')
    await reader.cancel()
  })

  it('makes a response of plain text', async () => {
    const { stream } = scripted(answer)
    const response = new Response(stream.toReadableStream().pipeThrough(new TextEncoderStream()))
    expect(await response.text()).toBe('Hello')
  })

  it('is the one reader', () => {
    const { stream } = scripted(answer)
    stream.toReadableStream()
    expect(() => stream.toReadableStream()).toThrow(consumed)
    expect(() => stream.toResponse()).toThrow(consumed)
    expect(() => stream[Symbol.asyncIterator]()).toThrow(consumed)
  })

  it('cancelling it leaves the turn, and waits until it has ended', async () => {
    let end
    const { stream, turns } = scripted((turn) => {
      turn.say('a')
      turn.onLeave = () => {
        end = () => turn.finish({ finishReason: 'abort' })
      }
    })
    const reader = stream.toReadableStream().getReader()
    await reader.read()
    const pull = reader.read()
    let isCancelled = false
    const cancelled = reader.cancel().then(() => {
      isCancelled = true
    })
    await settle()
    expect({ left: turns[0].left, isCancelled }).toEqual({ left: 1, isCancelled: false })
    end()
    await cancelled
    expect((await pull).done).toBe(true)
    expect((await stream.result).finishReason).toBe('abort')
  })

  it('cancelled before it was read, it never starts', async () => {
    const { stream, turns } = scripted(answer)
    await stream.toReadableStream().cancel()
    expect(turns).toHaveLength(0)
    expect((await stream.result).finishReason).toBe('abort')
  })

  it('fails as the stream does', async () => {
    const { stream } = scripted((turn) => turn.fail(failure))
    await expect(textOf(stream.toReadableStream())).rejects.toMatchObject(failed)
  })
})

describe('as a Node stream', () => {
  it('Readable.from() gives its text', async () => {
    expect(await textOf(Readable.from(scripted(answer).stream))).toBe('Hello')
  })

  it('destroying the Readable leaves the turn', async () => {
    const { stream, turns } = scripted((turn) => turn.say('a'))
    const readable = Readable.from(stream)
    await once(readable, 'data')
    readable.destroy()
    expect((await stream.result).finishReason).toBe('abort')
    expect(turns[0].left).toBe(1)
  })

  it('pipeline() carries the text', async () => {
    const target = new PassThrough()
    const [received] = await Promise.all([textOf(target), pipeline(scripted(answer).stream, target)])
    expect(received).toBe('Hello')
  })

  it('pipeline() carries the error', async () => {
    const { stream } = scripted((turn) => turn.fail(failure))
    await expect(pipeline(stream, new PassThrough().resume())).rejects.toMatchObject(failed)
  })

  // `pipeline(stream, target)` itself looks at its target only when the next chunk comes: that is Node's way.
  it('a target that goes away leaves the turn', async () => {
    const { stream } = scripted((turn) => turn.say('a'))
    const target = new PassThrough()
    const piped = pipeline(Readable.from(stream), target)
    await once(target, 'data')
    target.destroy()
    await expect(piped).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
    expect((await stream.result).finishReason).toBe('abort')
  })
})

describe('toResponse()', () => {
  const deltas = (turn) => {
    turn.emit(
      { type: 'start', sessionID: 'ses_1' },
      { type: 'text-delta', sessionID: 'ses_1', delta: 'a\nb' },
    )
    turn.finish()
  }
  const recordsOf = (body) => body.split('\n\n').slice(0, -1)

  it('is the events as server-sent events, one line of JSON each', async () => {
    const response = scripted(deltas).stream.toResponse()
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const records = recordsOf(await response.text())
    expect(records.every((record) => /^data: \{.*\}$/.test(record))).toBe(true)
    const events = records.map((record) => JSON.parse(record.slice('data: '.length)))
    expect(events.map(({ type }) => type)).toEqual(['start', 'text-delta', 'finish'])
    expect(events[1].delta).toBe('a\nb')
  })

  it('takes a status and headers, over its own', () => {
    const headers = { 'x-team': 'a', 'Cache-Control': 'no-store' }
    const response = scripted(deltas).stream.toResponse({ status: 201, headers })
    expect(response.status).toBe(201)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-team': 'a',
      'cache-control': 'no-store',
      'content-type': 'text/event-stream; charset=utf-8',
    })
  })

  it.each([
    ['a status that there is not', { status: 1000 }],
    ['a status without a body', { status: 204 }],
    ['a header that there is not', { headers: { 'a b': '1' } }],
    [
      'a getter that throws',
      {
        get headers() {
          throw new Error('boo')
        },
      },
    ],
  ])('%s is an error of ours, and claims nothing', (_, init) => {
    const { stream } = scripted(deltas)
    expect(() => stream.toResponse(init)).toThrow(
      expect.objectContaining({ code: 'ERR_OPENCODE_INVALID_OPTION', accepted: false }),
    )
    stream.toResponse()
  })

  it('is cold until its body is read, and is the one reader', async () => {
    const { stream, turns } = scripted(deltas)
    const response = stream.toResponse()
    await settle()
    expect(turns).toHaveLength(0)
    expect(() => stream.events[Symbol.asyncIterator]()).toThrow(consumed)
    await response.text()
    expect(turns).toHaveLength(1)
  })

  it('tells an error as the last event, with its code and hint', async () => {
    const response = scripted((turn) => turn.fail(failure)).stream.toResponse()
    const [event, data] = recordsOf(await response.text())[0].split('\n')
    expect(event).toBe('event: error')
    expect(JSON.parse(data.slice('data: '.length))).toMatchObject({ ...failed, name: 'OpenCodeError' })
  })

  it('tells what was thrown by an `abort` of a signal, whatever it is', async () => {
    const signal = AbortSignal.abort('enough')
    const body = await scripted(deltas, { signal }).stream.toResponse().text()
    expect(body).toBe('event: error\ndata: {"name":"Error","message":"enough"}\n\n')
  })

  it('keeps what is about the machine to itself', async () => {
    const secrets = {
      stderr: 'token sk-live',
      cause: 'open /home/alice/.config',
      data: { path: '/home/alice' },
      hint: 'Look into `/home/alice/.local/share/log`.',
    }
    const bodyOf = (failure) =>
      scripted((turn) => turn.fail(failure))
        .stream.toResponse()
        .text()
    for (const code of ['SERVER_START', 'CLI_EXIT', 'CLI_NOT_FOUND', 'FILE', 'BAD_REQUEST', 'UNREACHABLE']) {
      const message = "cannot start '/home/alice/bin/opencode' at 10.0.0.7"
      const body = await bodyOf({ ...failure, ...secrets, code: `ERR_OPENCODE_${code}`, message })
      expect(body).toContain(`ERR_OPENCODE_${code}`)
      expect(body).not.toMatch(/alice|sk-live|10\.0\.0\.7|stack/)
    }
    const words =
      "no such file: '/home/alice/a b', /home/alice/x.txt (C:\\Users\\alice\\y), ~/alice, and/or https://example.org/a"
    const body = await bodyOf({ ...failure, ...secrets, message: words })
    expect(body).not.toMatch(/alice|sk-live/)
    expect(body).toContain('and/or https://example.org/a')
  })

  it('of an error that is not ours it tells nothing', async () => {
    const { stream } = scripted((turn) => turn.ask({ ask: { type: 'permission', id: 'per_1' } }), {
      permission: () => {
        throw Object.assign(new Error('connect to db://root:hunter2@db'), { toJSON: () => 'hunter2' })
      },
    })
    const body = await stream.toResponse().text()
    expect(body).toBe('event: error\ndata: {"name":"Error","message":"The turn failed"}\n\n')
  })

  it('does not tell why a route was left', async () => {
    const { stream } = scripted((turn) => {
      turn.emit({ type: 'fallback', from: 'server', to: 'private', reason: '/home/alice is not there' })
      turn.finish()
    })
    expect(await stream.toResponse().text()).not.toContain('alice')
  })

  it('an event that cannot be written as JSON ends it, and leaves the turn', async () => {
    const { stream, turns } = scripted((turn) => {
      turn.takeEvents = () =>
        `[{"type":"raw","sessionID":"ses_1","event":${'['.repeat(1e5)}${']'.repeat(1e5)}}]`
      turn.say('a')
    })
    const body = await stream.toResponse().text()
    expect(body).toMatch(/^event: error\ndata: .*ERR_OPENCODE_LIMIT/)
    expect(turns[0].left).toBe(1)
    expect((await stream.result).finishReason).toBe('abort')
  })

  it('sends comments while the model is silent, and no event is lost by them', async () => {
    const { stream, turns } = scripted()
    const reader = eventResponse(stream.events[Symbol.asyncIterator](), undefined, 5).body.getReader()
    const next = async () => new TextDecoder().decode((await reader.read()).value)
    expect(await next()).toMatch(/^: /)
    expect(await next()).toMatch(/^: /)
    turns[0].emit({ type: 'start', sessionID: 'ses_1' })
    let record = await next()
    while (record.startsWith(':')) record = await next()
    expect(record).toBe('data: {"type":"start","sessionID":"ses_1"}\n\n')
    await reader.cancel()
    expect(turns[0].left).toBe(1)
  })

  it('a client that disconnects leaves the turn', async () => {
    const { stream } = scripted((turn) => turn.emit({ type: 'start', sessionID: 'ses_1' }))
    const server = createServer((_, response) => {
      pipeline(Readable.fromWeb(stream.toResponse().body), response).catch(() => {})
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = request({ port: server.address().port, host: '127.0.0.1' }).end()
    const [response] = await once(client, 'response')
    await once(response, 'data')
    client.destroy()
    expect((await stream.result).finishReason).toBe('abort')
    server.close()
  })
})
