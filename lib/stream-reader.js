'use strict'

// Taken at load time: a user's tests may put fake timers in the place of the global ones.
const { setImmediate } = require('node:timers')
const asyncDispose = require('./dispose-symbol.js')

/**
 * A `next()` that is answered at once only runs microtasks: a reader of a fast answer would keep
 * timers and sockets waiting for the whole of it. So after this much, one turn of the event loop.
 */
const LONGEST_BURST = 1024
const LONGEST_BURST_MS = 8

/**
 * The one iterator of a stream. Written out by hand: an async generator costs a second promise per
 * chunk, and cannot be left while it waits.
 */
class StreamReader {
  #life
  #take
  #isDone = false
  /** Calls of next() not yet answered, in order. */
  #waiting = []
  #burst = 0
  #burstBegan = 0
  #isPausing = false

  /** @param take () => the next value, or null when there is none now */
  constructor(life, take) {
    this.#life = life
    this.#take = take
    life.onChange = () => this.#serve()
  }

  next() {
    if (this.#isDone) return Promise.resolve(end())
    this.#life.start()
    if (this.#waiting.length === 0 && !this.#isDueToPause()) {
      const value = this.#pull()
      if (value !== null) return Promise.resolve({ value, done: false })
      if (this.#life.outcome !== null) return new Promise((...waiter) => this.#finish(...waiter))
    }
    return new Promise((...waiter) => this.#waiting.push(waiter))
  }

  /** Leaves: `break` and an early `return` of a `for await` arrive here. */
  async return(value) {
    await this.#leave()
    return { value, done: true }
  }

  async throw(error) {
    await this.#leave()
    throw error
  }

  [Symbol.asyncIterator]() {
    return this
  }

  async [asyncDispose]() {
    await this.#leave()
  }

  #leave() {
    this.#isDone = true
    this.#dismissWaiting()
    return this.#life.leave()
  }

  #pull() {
    return this.#life.isCutShort ? null : this.#take()
  }

  /** Answers who waits. Runs from the event loop, so a burst is over. */
  #serve() {
    this.#burst = 0
    while (this.#waiting.length > 0) {
      const value = this.#pull()
      if (value === null && this.#life.outcome === null) return
      const waiter = this.#waiting.shift()
      // To look for a value may end the turn, and that answers all who wait.
      if (waiter === undefined) return
      const [resolve, reject] = waiter
      if (value === null) this.#finish(resolve, reject)
      else resolve({ value, done: false })
    }
  }

  /** Everything was taken: the end, or the error, which is thrown once. */
  #finish(resolve, reject) {
    const { outcome } = this.#life
    this.#isDone = true
    if ('error' in outcome) reject(outcome.error)
    else resolve(end())
    this.#dismissWaiting()
  }

  #dismissWaiting() {
    for (const [resolve] of this.#waiting.splice(0)) resolve(end())
  }

  #isDueToPause() {
    if (this.#isPausing) return true
    if (this.#burst === 0) this.#burstBegan = performance.now()
    this.#burst++
    if (this.#burst <= LONGEST_BURST && performance.now() - this.#burstBegan < LONGEST_BURST_MS) return false
    this.#isPausing = true
    setImmediate(() => {
      this.#isPausing = false
      this.#serve()
    })
    return true
  }
}

function end() {
  return { value: undefined, done: true }
}

module.exports = { StreamReader }
