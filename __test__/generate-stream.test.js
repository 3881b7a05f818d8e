import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { OpenCode } from '../lib/client.js'
import { scriptedBinding } from './support/scripted-binding.js'

/** A stream over a turn that `onStart` plays; `turns` are those that were started. */
function scripted(onStart, options) {
  const { turns, ...native } = scriptedBinding(onStart)
  return { stream: new OpenCode({}, native).generateStream('Hello', options), turns }
}

async function collect(iterable) {
  const all = []
  for await (const one of iterable) all.push(one)
  return all
}

async function leaveAtOnce(stream) {
  for await (const _ of stream) break
}

/** Lets everything that is ready happen: two turns of the event loop, for the bell and for what it causes. */
async function settle() {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
}

const answer = (turn) => {
  turn.say('Hel')
  turn.say('lo')
  turn.finish()
}

const failure = {
  code: 'ERR_OPENCODE_PROVIDER',
  message: 'bad key',
  hint: 'Log in.',
  accepted: true,
  retryable: false,
}
const failed = { code: 'ERR_OPENCODE_PROVIDER', message: 'bad key', hint: 'Log in.', accepted: true }

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

describe('leaving', () => {
  const soFar = { finishReason: 'abort', text: 'so far' }

  it('by `break` stops the turn, and the result is what came so far', async () => {
    const { stream, turns } = scripted((turn) => turn.say('so far'))
    await leaveAtOnce(stream)
    expect(turns[0].left).toBe(1)
    expect(await stream.result).toMatchObject(soFar)
  })

  it('by an error in the loop stops the turn too', async () => {
    const { stream, turns } = scripted((turn) => turn.say('so far'))
    const loop = async () => {
      for await (const _ of stream) throw new Error('mine')
    }
    await expect(loop()).rejects.toThrow('mine')
    expect(turns[0].left).toBe(1)
    expect(await stream.result).toMatchObject(soFar)
  })

  it('waits until OpenCode has stopped', async () => {
    const { stream, turns } = scripted((turn) => {
      turn.say('so far')
      turn.onLeave = () => {}
    })
    const iterator = stream[Symbol.asyncIterator]()
    await iterator.next()
    let hasLeft = false
    const leaving = iterator.return('mine').then((end) => {
      hasLeft = true
      return end
    })
    await settle()
    expect(hasLeft).toBe(false)
    turns[0].finish({ finishReason: 'abort' })
    expect(await leaving).toEqual({ value: 'mine', done: true })
    expect((await iterator.next()).done).toBe(true)
  })

  it('while a pull waits ends that pull', async () => {
    const { stream } = scripted()
    const iterator = stream[Symbol.asyncIterator]()
    const pull = iterator.next()
    await iterator.return()
    expect(await pull).toEqual({ value: undefined, done: true })
  })

  it('by `throw` stops the turn and rejects with that error', async () => {
    const { stream, turns } = scripted((turn) => turn.say('so far'))
    const iterator = stream[Symbol.asyncIterator]()
    await iterator.next()
    await expect(iterator.throw(new Error('mine'))).rejects.toThrow('mine')
    expect(turns[0].left).toBe(1)
    expect(await stream.result).toMatchObject(soFar)
  })

  it('by abort() lets a reader have what had arrived, then the end', async () => {
    const { stream, turns } = scripted((turn) => turn.say('so far'))
    const iterator = stream[Symbol.asyncIterator]()
    await iterator.next()
    turns[0].say(' and more')
    await stream.abort()
    expect((await iterator.next()).value).toBe(' and more')
    expect((await iterator.next()).done).toBe(true)
    expect(await stream.result).toMatchObject({ finishReason: 'abort', text: 'so far and more' })
  })

  it('by abort() of a turn that only the result runs', async () => {
    const { stream } = scripted((turn) => turn.say('so far'))
    const result = stream.result.then((value) => value)
    await stream.abort()
    expect(await result).toMatchObject(soFar)
  })

  it('by `await using`', async () => {
    const { stream, turns } = scripted((turn) => turn.say('so far'))
    const iterator = stream[Symbol.asyncIterator]()
    await iterator.next()
    await stream[Symbol.asyncDispose]()
    expect(turns[0].left).toBe(1)
    await iterator[Symbol.asyncDispose]()
    expect((await iterator.next()).done).toBe(true)
  })

  it('twice, or after the end, does nothing', async () => {
    const { stream, turns } = scripted(answer)
    expect(await collect(stream)).toEqual(['Hello'])
    await stream.abort()
    await stream.abort()
    expect(turns[0].left).toBe(0)
    expect(await stream.result).toMatchObject({ finishReason: 'stop' })
  })

  it('when the stop itself fails, throws nothing: the result tells', async () => {
    const { stream } = scripted((turn) => {
      turn.say('so far')
      turn.onLeave = () => turn.fail(failure)
    })
    await leaveAtOnce(stream)
    await stream.abort()
    await expect(stream.result).rejects.toMatchObject(failed)
  })
})

describe('leaving before the start', () => {
  const unsent = {
    finishReason: 'abort',
    text: '',
    parts: [],
    cost: 0,
    sessionID: undefined,
    version: undefined,
  }

  it.each([
    ['abort()', (stream) => stream.abort()],
    ['await using', (stream) => stream[Symbol.asyncDispose]()],
    ['return of an iterator', (stream) => stream[Symbol.asyncIterator]().return()],
  ])('by %s sends nothing, ever', async (_, leave) => {
    const { stream, turns } = scripted(answer)
    await leave(stream)
    expect(await stream.result).toMatchObject(unsent)
    expect(turns).toHaveLength(0)
  })

  it('an iteration ends at once', async () => {
    const { stream } = scripted(answer)
    await stream.abort()
    expect(await collect(stream)).toEqual([])
  })

  it('`events` tell the end', async () => {
    const { stream } = scripted(answer)
    await stream.abort()
    expect(await collect(stream.events)).toEqual([
      { type: 'finish', sessionID: undefined, result: expect.objectContaining(unsent) },
    ])
  })

  it('a session that was named is still that one; a copy was not made', async () => {
    const named = scripted(answer, { sessionID: 'ses_9' }).stream
    await named.abort()
    expect((await named.result).sessionID).toBe('ses_9')
    const copy = scripted(answer, { sessionID: 'ses_9', fork: true }).stream
    await copy.abort()
    expect((await copy.result).sessionID).toBe(undefined)
  })
})

describe('signal', () => {
  const reason = new Error('enough')

  /** A signal that knows its listeners. */
  function watchedSignal() {
    const controller = new AbortController()
    const { signal } = controller
    const listeners = new Set()
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (type, listener) => {
      listeners.add(listener)
      addEventListener.call(signal, type, listener)
    }
    signal.removeEventListener = (type, listener) => {
      listeners.delete(listener)
      removeEventListener.call(signal, type, listener)
    }
    return { controller, signal, listeners }
  }

  it('already aborted: the first pull throws its reason, and nothing is sent', async () => {
    const { stream, turns } = scripted(answer, { signal: AbortSignal.abort(reason) })
    const iterator = stream[Symbol.asyncIterator]()
    await expect(iterator.next()).rejects.toBe(reason)
    expect((await iterator.next()).done).toBe(true)
    await expect(stream.result).rejects.toBe(reason)
    expect(turns).toHaveLength(0)
  })

  it('aborted between the call and the first pull: the same', async () => {
    const { controller, signal } = watchedSignal()
    const { stream, turns } = scripted(answer, { signal })
    controller.abort(reason)
    await expect(stream.result).rejects.toBe(reason)
    expect(turns).toHaveLength(0)
  })

  it('while a pull waits: it throws the reason once OpenCode has stopped', async () => {
    const { controller, signal } = watchedSignal()
    const { stream, turns } = scripted((turn) => turn.say('so far'), { signal })
    const iterator = stream[Symbol.asyncIterator]()
    await iterator.next()
    const pull = iterator.next()
    turns[0].onLeave = () => {}
    controller.abort(reason)
    const race = await Promise.race([pull.catch(() => 'thrown'), settle().then(() => 'waits')])
    expect(race).toBe('waits')
    turns[0].finish({ finishReason: 'abort' })
    await expect(pull).rejects.toBe(reason)
    await expect(stream.result).rejects.toBe(reason)
    expect(turns[0].left).toBe(1)
  })

  it.each([
    ['text', (stream) => stream],
    ['events', (stream) => stream.events],
  ])('unread %s is dropped', async (_, reading) => {
    const { controller, signal } = watchedSignal()
    const { stream, turns } = scripted(
      (turn) => {
        turn.say('a')
        turn.emit({ type: 'start' }, { type: 'text-start' })
      },
      { signal },
    )
    const iterator = reading(stream)[Symbol.asyncIterator]()
    await iterator.next()
    turns[0].say('b')
    controller.abort(reason)
    await expect(iterator.next()).rejects.toBe(reason)
  })

  it('whatever OpenCode says of the end, the first reason counts', async () => {
    const { controller, signal } = watchedSignal()
    const { stream } = scripted(
      (turn) => {
        turn.onLeave = () => turn.fail(failure)
      },
      { signal },
    )
    const result = stream.result.catch((error) => error)
    controller.abort(reason)
    expect(await result).toBe(reason)
  })

  it('after the end changes nothing', async () => {
    const { controller, signal } = watchedSignal()
    const { stream, turns } = scripted(answer, { signal })
    await stream.result
    controller.abort(reason)
    expect(await collect(stream)).toEqual(['Hello'])
    expect(turns[0].left).toBe(0)
  })

  it.each([
    ['a turn that finished', answer, async (stream) => collect(stream)],
    ['a turn that failed', (turn) => turn.fail(failure), async (stream) => collect(stream).catch(() => {})],
    [
      'a turn that was left',
      (turn) => turn.say('a'),
      async (stream) => stream[Symbol.asyncIterator]().return(),
    ],
    ['a stream that never began', answer, async () => {}],
  ])('keeps no listener of %s', async (_, onStart, use) => {
    const { signal, listeners } = watchedSignal()
    const { stream } = scripted(onStart, { signal })
    await use(stream)
    expect(listeners.size).toBe(0)
    expect(signal.onabort ?? null).toBe(null)
  })
})
