import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { OpenCode } from '../lib/client.js'
import { GenerateStream } from '../lib/generate-stream.js'
import { scriptedBinding } from './support/scripted-binding.js'
import { answer, collect, failed, failure, scripted, settle } from './support/scripted-stream.mjs'

describe('a stream is cold', () => {
  it('until the first pull', async () => {
    const { stream, turns } = scripted(answer)
    const iterator = stream[Symbol.asyncIterator]()
    await settle()
    expect(turns).toHaveLength(0)
    await iterator.next()
    expect(turns).toHaveLength(1)
  })

  it.each(['then', 'catch', 'finally'])('or the first `%s` of its result', async (method) => {
    const { stream, turns } = scripted(answer)
    stream.result[method](() => {})
    expect(turns).toHaveLength(1)
    expect((await stream.result).text).toBe('Hello')
    expect(turns).toHaveLength(1)
  })

  it('looking at it, logging it, comparing it or awaiting the stream itself starts nothing', async () => {
    const { stream, turns } = scripted(answer)
    const { result, events } = stream
    inspect(stream, { showHidden: true, getters: true, depth: 5 })
    inspect(result)
    JSON.stringify({ stream, result, events })
    expect(stream).toEqual(stream)
    expect(result === stream.result).toBe(true)
    expect(await stream).toBe(stream)
    await settle()
    expect(turns).toHaveLength(0)
    expect(String(stream)).toBe('[object GenerateStream]')
    expect(Object.keys(stream)).toEqual([])
    expect(result).toBeInstanceOf(Promise)
  })

  it('options are looked at once, at the call', async () => {
    const options = { agent: 'plan' }
    const { stream, turns } = scripted(answer, options)
    options.agent = 'build'
    await stream.result
    expect(turns[0].request.agent).toBe('plan')
  })

  it('a lone half of an emoji in the prompt goes out as U+FFFD, which is what UTF-8 can say', async () => {
    const { turns, ...native } = scriptedBinding(answer)
    await new OpenCode({}, native).generate('cut: \ud83d')
    expect(turns[0].request.parts[0].text).toBe('cut: \ufffd')
  })
})

describe('iterating', () => {
  it('yields the text, in chunks of whatever arrived since the last pull', async () => {
    const { stream, turns } = scripted((turn) => turn.say('a'))
    const iterator = stream[Symbol.asyncIterator]()
    expect(await iterator.next()).toEqual({ value: 'a', done: false })
    turns[0].say('b')
    turns[0].say('c')
    expect(await iterator.next()).toEqual({ value: 'bc', done: false })
    turns[0].say('d')
    turns[0].finish()
    expect(await iterator.next()).toEqual({ value: 'd', done: false })
    expect(await iterator.next()).toEqual({ value: undefined, done: true })
    expect(await iterator.next()).toEqual({ value: undefined, done: true })
    expect((await stream.result).text).toBe('abcd')
  })

  it('a waiting reader gets text as soon as there is some', async () => {
    const { stream, turns } = scripted()
    const next = stream[Symbol.asyncIterator]().next()
    await settle()
    turns[0].say('x')
    expect(await next).toEqual({ value: 'x', done: false })
  })

  it('text that comes together with the end is given out before it', async () => {
    const { stream, turns } = scripted()
    const chunks = collect(stream)
    await settle()
    answer(turns[0])
    expect(await chunks).toEqual(['Hello'])
  })

  it('pulls that overlap are answered in order', async () => {
    const { stream, turns } = scripted()
    const iterator = stream[Symbol.asyncIterator]()
    const pulls = [iterator.next(), iterator.next(), iterator.next(), iterator.next()]
    for (const text of ['a', 'b']) {
      turns[0].say(text)
      await settle()
    }
    turns[0].finish()
    expect((await Promise.all(pulls)).map(({ value }) => value)).toEqual(['a', 'b', undefined, undefined])
  })

  it('bells that nobody needs do no harm', async () => {
    const { stream, turns } = scripted(answer)
    const iterator = stream[Symbol.asyncIterator]()
    const first = iterator.next()
    turns[0].bell()
    expect(await first).toEqual({ value: 'Hello', done: false })
    turns[0].bell()
    expect((await iterator.next()).done).toBe(true)
    turns[0].bell()
  })

  it('`events` gives out the batches one by one, ending with finish', async () => {
    const { stream } = scripted((turn) => {
      turn.emit({ type: 'start' }, { type: 'text-delta', delta: 'a' })
      turn.emit({ type: 'text-end' })
      turn.finish()
    })
    const types = (await collect(stream.events)).map(({ type }) => type)
    expect(types).toEqual(['start', 'text-delta', 'text-end', 'finish'])
  })

  it('leaves room for timers and sockets while text is always ready', async () => {
    const { stream } = scripted((turn) => {
      turn.takeText = () => 'x'
    })
    let hasTurned = false
    setImmediate(() => {
      hasTurned = true
    })
    let chunks = 0
    for await (const chunk of stream) {
      chunks += chunk.length
      if (hasTurned || chunks > 10_000) break
    }
    expect(hasTurned).toBe(true)
    expect(chunks).toBeLessThanOrEqual(1_025)
  })

  it('knows the session once OpenCode has named it', async () => {
    const { stream } = scripted((turn) => {
      turn.sessionID = 'ses_1'
      answer(turn)
    })
    expect(stream.sessionID).toBe(undefined)
    await stream.result
    expect(stream.sessionID).toBe('ses_1')
  })
})

describe('a turn that is over', () => {
  it.each([
    ['finished', answer],
    ['failed', (turn) => turn.fail(failure)],
  ])('is forgotten by its client: it %s', async (_, play) => {
    const { start, turns } = scriptedBinding()
    const running = new Set()
    const stream = new GenerateStream({ request: {}, running, start })
    const reading = collect(stream).catch(() => {})
    expect(running.size).toBe(1)
    play(turns[0])
    await reading
    expect(running.size).toBe(0)
  })
})

describe('one reader', () => {
  const consumed = expect.objectContaining({ code: 'ERR_OPENCODE_STREAM_CONSUMED' })

  it.each([
    ['text', 'text', (stream) => stream, (stream) => stream],
    ['text', 'events', (stream) => stream, (stream) => stream.events],
    ['events', 'text', (stream) => stream.events, (stream) => stream],
    ['events', 'events', (stream) => stream.events, (stream) => stream.events],
  ])('%s, then %s is refused, during and after', async (_, __, first, second) => {
    const { stream } = scripted(answer)
    const iterator = first(stream)[Symbol.asyncIterator]()
    expect(() => second(stream)[Symbol.asyncIterator]()).toThrow(consumed)
    while (!(await iterator.next()).done);
    await expect(collect(second(stream))).rejects.toEqual(consumed)
  })

  it('the result is no reader: an iterator opened later gets everything', async () => {
    const { stream } = scripted(answer)
    await stream.result
    expect(await collect(stream)).toEqual(['Hello'])
  })

  it('the result may be awaited beside an iteration', async () => {
    const { stream } = scripted(answer)
    const [chunks, result] = await Promise.all([collect(stream), stream.result])
    expect(chunks.join('')).toBe(result.text)
  })
})

describe('failures', () => {
  it('are thrown after the text that came before, once', async () => {
    const { stream } = scripted((turn) => {
      turn.say('so far')
      turn.fail(failure)
    })
    const iterator = stream[Symbol.asyncIterator]()
    expect((await iterator.next()).value).toBe('so far')
    await expect(iterator.next()).rejects.toMatchObject(failed)
    expect((await iterator.next()).done).toBe(true)
  })

  it('are the same error in the iteration and in the result', async () => {
    const { stream } = scripted((turn) => turn.fail(failure))
    const thrown = await collect(stream).catch((error) => error)
    expect(await stream.result.catch((error) => error)).toBe(thrown)
  })

  it('reach every pull that waits, as one error and then the end', async () => {
    const { stream, turns } = scripted()
    const iterator = stream[Symbol.asyncIterator]()
    const pulls = Promise.allSettled([iterator.next(), iterator.next()])
    turns[0].fail(failure)
    const [first, second] = await pulls
    expect(first).toMatchObject({ status: 'rejected', reason: failed })
    expect(second).toMatchObject({ status: 'fulfilled', value: { done: true } })
  })

  it('are no unhandled rejection of a result that nobody asked for', async () => {
    const unhandled = []
    const listener = (reason) => unhandled.push(reason)
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', listener)
    try {
      const { stream } = scripted((turn) => turn.fail(failure))
      void stream.result
      await collect(stream).catch(() => {})
      await settle()
      expect(unhandled).toEqual([])
      const alone = scripted((turn) => turn.fail(failure)).stream
      alone.result.then(() => {})
      await settle()
      expect(unhandled).toEqual([expect.objectContaining(failed)])
    } finally {
      process.removeListener('unhandledRejection', listener)
      for (const other of others) process.on('unhandledRejection', other)
    }
  })

  it('to start at all are thrown by the stream', async () => {
    const { stream } = scripted(() => {
      throw new Error('no such route')
    })
    await expect(collect(stream)).rejects.toThrow('no such route')
    await expect(stream.result).rejects.toThrow('no such route')
  })

  it('point to the call that failed, not to where the failure arrived', async () => {
    const { stream } = scripted((turn) => turn.fail({ ...failure, cause: 'connection reset' }))
    const error = await collect(stream).catch((caught) => caught)
    expect(error.stack).toMatch(
      /^OpenCodeError \[ERR_OPENCODE_PROVIDER\]: bad key\n {2}hint: Log in\.\n {4}at scripted/,
    )
    expect(error.cause).toMatchObject({ message: 'connection reset' })
  })
})
