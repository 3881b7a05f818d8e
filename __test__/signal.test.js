import { describe, expect, it } from 'vitest'
import { answer, collect, failure, leaveAtOnce, scripted, settle } from './support/scripted-stream.mjs'

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
    ['a turn that was left', (turn) => turn.say('a'), leaveAtOnce],
    ['a stream that never began', answer, async () => {}],
  ])('keeps no listener of %s', async (_, onStart, use) => {
    const { signal, listeners } = watchedSignal()
    const { stream } = scripted(onStart, { signal })
    await use(stream)
    expect(listeners.size).toBe(0)
    expect(signal.onabort ?? null).toBe(null)
  })
})
