'use strict'

const { errorFromFailure } = require('./opencode-error.js')
const { onAbort, reasonOf } = require('./signals.js')

const LONGEST_TIMER = 2 ** 31 - 1
/** Milliseconds that the schema may keep a thread busy with one answer, where `timeouts.total` leaves more. */
const LONGEST_CHECK = 30_000

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

  /**
   * What `check({ signal, milliseconds })` resolves with, unless time runs out, the signal aborts, or the client is
   * closed before. Its `signal` aborts when nobody waits for it any more; `milliseconds` is how long it
   * may keep a thread busy.
   */
  async for(check, result) {
    let end
    const waiting = new AbortController()
    const ended = new Promise((_, reject) => {
      end = reject
    })
    const life = { cutShort: async (makeError) => end(makeError({ result }, this.#site)) }
    const milliseconds = Math.min(LONGEST_CHECK, Math.max(1, this.#milliseconds))
    const timer =
      this.#total === Infinity ? undefined : setTimeout(() => end(this.#over(result)), this.#timer)
    this.#running.add(life)
    const forget = onAbort(this.#signal, () => end(reasonOf(this.#signal)))
    try {
      if (this.#signal?.aborted) throw reasonOf(this.#signal)
      const checked = await Promise.race([check({ signal: waiting.signal, milliseconds }), ended])
      if (checked.isLate) throw this.#late(result)
      return checked
    } finally {
      clearTimeout(timer)
      waiting.abort()
      this.#running.delete(life)
      forget()
    }
  }

  /** The error of a turn that was not the first, as one of the whole call: a prompt of it had been taken. */
  ofLater(error, result) {
    if (error.code === 'ERR_OPENCODE_TIMEOUT' && error.data?.phase === 'total') {
      return withSpent(this.#over(result, error.data), result, error)
    }
    error.accepted = true
    error.retryable = false
    error.sessionID ??= result.sessionID
    return withSpent(error, result, error)
  }

  get #milliseconds() {
    return this.#deadline - performance.now()
  }

  get #timer() {
    return Math.min(Math.max(0, this.#milliseconds), LONGEST_TIMER)
  }

  #late(result) {
    if (this.#milliseconds <= 1) return this.#over(result)
    const failure = {
      code: 'ERR_OPENCODE_LIMIT',
      message: `The schema did not come to an end with the answer in ${LONGEST_CHECK} ms`,
      hint: 'Look for a `pattern` that backtracks, or for `uniqueItems` of very many items.',
      accepted: true,
      sessionID: result.sessionID,
      data: { text: result.text },
      usage: result.usage,
      cost: result.cost,
    }
    return errorFromFailure(failure, this.#site)
  }

  #over({ sessionID, text, usage, cost }, data = { phase: 'total', text }) {
    const failure = {
      code: 'ERR_OPENCODE_TIMEOUT',
      message: `All attempts together took longer than ${this.#total} ms`,
      hint: 'Raise timeouts.total, or leave it out; the time of your schema counts too.',
      accepted: true,
      sessionID,
      data,
      usage,
      cost,
    }
    return errorFromFailure(failure, this.#site)
  }
}

/** What all attempts cost, the last one included. */
function withSpent(error, before, last) {
  const kinds = Object.keys(before.usage)
  error.usage = Object.fromEntries(
    kinds.map((kind) => [kind, before.usage[kind] + (last.usage?.[kind] ?? 0)]),
  )
  error.cost = before.cost + (last.cost ?? 0)
  return error
}

module.exports = { Patience }
