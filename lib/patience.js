'use strict'

const { errorFromFailure } = require('./opencode-error.js')

const LONGEST_TIMER = 2 ** 31 - 1

/** How long a call that runs turns and waits for the user's own code between them may take, in all. */
class Patience {
  #total
  #deadline
  #signal
  #running
  #site

  /** `timeouts.total` in ms, if any; `running`: the client's, which close() cuts short. */
  constructor({ timeouts, signal }, { running, site }) {
    this.#total = timeouts?.total ?? Infinity
    this.#deadline = performance.now() + this.#total
    this.#signal = signal
    this.#running = running
    this.#site = site
  }

  /** The timeouts of the next turn. */
  get left() {
    return this.#total === Infinity ? {} : { total: Math.max(1, Math.ceil(this.#milliseconds)) }
  }

  /** What `wait` resolves with, unless time runs out, the signal aborts, or the client is closed before. */
  async for(wait, result) {
    let end
    const ended = new Promise((_, reject) => {
      end = reject
    })
    const life = { cutShort: async (makeError) => end(makeError({ result }, this.#site)) }
    const onAbort = () => end(this.#signal.reason)
    const timer =
      this.#total === Infinity ? undefined : setTimeout(() => end(this.#over(result)), this.#timer)
    this.#running.add(life)
    this.#signal?.addEventListener('abort', onAbort)
    try {
      this.#signal?.throwIfAborted()
      return await Promise.race([wait(), ended])
    } finally {
      clearTimeout(timer)
      this.#running.delete(life)
      this.#signal?.removeEventListener('abort', onAbort)
    }
  }

  /** The error of a turn that was not the first, as one of the whole call: a prompt of it had been taken. */
  ofLater(error, result) {
    if (error.code === 'ERR_OPENCODE_TIMEOUT' && error.data?.phase === 'total') {
      return this.#over(result, error.data)
    }
    error.accepted = true
    error.retryable = false
    error.sessionID ??= result.sessionID
    return error
  }

  get #milliseconds() {
    return this.#deadline - performance.now()
  }

  get #timer() {
    return Math.min(Math.max(0, this.#milliseconds), LONGEST_TIMER)
  }

  #over({ sessionID, text }, data = { phase: 'total', text }) {
    const failure = {
      code: 'ERR_OPENCODE_TIMEOUT',
      message: `All attempts together took longer than ${this.#total} ms`,
      hint: 'Raise timeouts.total, or leave it out; the time of your schema counts too.',
      accepted: true,
      sessionID,
      data,
    }
    return errorFromFailure(failure, this.#site)
  }
}

module.exports = { Patience }
