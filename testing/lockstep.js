'use strict'

/**
 * Holds a scripted model back until the reader has seen what was sent so far: the one way to prove that
 * tokens arrive one by one, without looking at a clock.
 */
class Lockstep {
  #sent = 0
  #seen = 0
  #released = false
  #waiting = new Set()

  get sent() {
    return this.#sent
  }

  seen(count = 1) {
    // Never ahead of what was sent: a reader that reports one token twice must not earn credit for the next.
    this.#seen = Math.min(this.#seen + count, this.#sent)
    this.#wake()
  }

  release() {
    this.#released = true
    this.#wake()
  }

  /** The model calls this as a token leaves. */
  leaving() {
    this.#sent += 1
  }

  /** Resolves once every token that left was seen; rejects when the request goes away first. */
  caughtUp(signal) {
    if (this.#isOpen()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const settle = (done) => {
        this.#waiting.delete(waiter)
        signal.removeEventListener('abort', leave)
        done()
      }
      const leave = () => settle(() => reject(signal.reason))
      const waiter = () => settle(resolve)
      this.#waiting.add(waiter)
      signal.addEventListener('abort', leave, { once: true })
      if (signal.aborted) leave()
    })
  }

  #isOpen() {
    return this.#released || this.#seen >= this.#sent
  }

  #wake() {
    if (!this.#isOpen()) return
    for (const waiter of [...this.#waiting]) waiter()
  }
}

function lockstep() {
  return new Lockstep()
}

module.exports = { lockstep }
