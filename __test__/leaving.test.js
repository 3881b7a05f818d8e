import { describe, expect, it } from 'vitest'
import {
  answer,
  collect,
  failed,
  failure,
  leaveAtOnce,
  scripted,
  settle,
} from './support/scripted-stream.mjs'

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
