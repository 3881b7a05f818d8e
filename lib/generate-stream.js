'use strict'

const asyncDispose = require('./dispose-symbol.js')
const { LazyPromise } = require('./lazy-promise.js')
const { OpenCodeError } = require('./opencode-error.js')
const { StreamReader } = require('./stream-reader.js')
const { TurnLife } = require('./turn-life.js')

/** What generateStream() returns; its contract is written in index.d.ts. */
class GenerateStream {
  #life
  #isClaimed = false
  #events
  #result

  /** @param plan see turn-life.js */
  constructor(plan) {
    const life = new TurnLife(plan)
    this.#life = life
    this.#events = { [Symbol.asyncIterator]: () => this.#claim(eventSource(life)) }
    this.#result = new LazyPromise(() => {
      life.start()
      return life.ended.then(unwrap)
    })
  }

  [Symbol.asyncIterator]() {
    return this.#claim(() => this.#life.takeText())
  }

  get events() {
    return this.#events
  }

  get result() {
    return this.#result
  }

  get sessionID() {
    return this.#life.sessionID
  }

  reply(id, reply) {
    this.#life.reply(id, reply)
  }

  async abort() {
    await this.#life.abort()
  }

  toReadableStream() {
    return require('./readable-stream.js').readableStream(this[Symbol.asyncIterator]())
  }

  toResponse(init) {
    const { eventResponse, readInit } = require('./event-response.js')
    const read = readInit(init)
    return eventResponse(this.#events[Symbol.asyncIterator](), read)
  }

  async [asyncDispose]() {
    await this.#life.leave()
  }

  get [Symbol.toStringTag]() {
    return 'GenerateStream'
  }

  /** Text and events are two readings of one answer, each given out once: there is room for one reader. */
  #claim(take) {
    if (this.#isClaimed) {
      throw new OpenCodeError('This stream has been read already, or is being read', {
        code: 'ERR_OPENCODE_STREAM_CONSUMED',
        hint: 'Iterate either the stream or its `events`, once; `await stream.result` has the whole answer.',
        accepted: 'unknown',
      })
    }
    this.#isClaimed = true
    return new StreamReader(this.#life, take)
  }
}

/** Events cross from native code in batches. */
function eventSource(life) {
  let batch = []
  let next = 0
  return () => {
    if (next === batch.length) {
      batch = life.takeEvents() ?? []
      next = 0
    }
    return next < batch.length ? batch[next++] : null
  }
}

function unwrap(outcome) {
  if ('error' in outcome) throw outcome.error
  return outcome.result
}

module.exports = { GenerateStream }
