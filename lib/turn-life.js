'use strict'

const { abortedResult } = require('./aborted-result.js')
const { TurnDiagnostics } = require('./diagnostics.js')
const { errorFromFailure } = require('./opencode-error.js')

/**
 * One turn from cold to ended, as JavaScript sees it: it starts at most once, ends exactly once, and
 * the first reason to end it is the one that counts. It knows nothing of iterators.
 *
 * `plan`: {
 *   request   the TurnRequest
 *   signal    the user's AbortSignal, if any
 *   start     (requestJson, bell) => native turn; may throw
 *   running   a Set of the turns now running, kept by the client
 *   site      the stack of the user's call
 *   callbacks the user's functions that answer asks: { permission?, question? }
 * }
 */
class TurnLife {
  /** `{ result }` or `{ error }` once the turn has ended. */
  outcome = null
  /** Resolves with `outcome`; never rejects. */
  ended
  /** Called after each ring of the bell and at the end; belongs to the reader. */
  onChange = null

  #plan
  #native = null
  #diagnostics
  #asks
  #announceEnd
  #hasToldFinish = false
  /** Makes the error of a turn that was cut short, whatever native code says of its end. */
  #cut = null
  #onAbort = () => this.cutShort(() => this.#plan.signal.reason)

  constructor(plan) {
    this.#plan = plan
    this.#diagnostics = new TurnDiagnostics(plan.request)
    this.#asks = asksOf(
      plan.callbacks,
      (id, reply) => this.#native.answer(id, reply),
      (makeError) => this.cutShort(makeError),
    )
    this.ended = new Promise((resolve) => {
      this.#announceEnd = resolve
    })
  }

  get sessionID() {
    return this.#native?.sessionID ?? undefined
  }

  /** Sends the prompt, unless that has happened or is out of the question. */
  start() {
    if (this.#native !== null || this.outcome !== null) return
    const { signal, start, running } = this.#plan
    if (signal?.aborted) return this.#end({ error: signal.reason })
    this.#diagnostics.start()
    try {
      this.#native = start(this.#readRequest(), () => this.#look())
    } catch (error) {
      return this.#end({ error })
    }
    running.add(this)
    signal?.addEventListener('abort', this.#onAbort)
    this.#look()
  }

  /** Files are read at the last moment, at once and in call order, and before anything is sent. */
  #readRequest() {
    const { files = [], parts = [], ...request } = this.#plan.request
    const read = files.length === 0 ? [] : require('./files.js').readFiles(files)
    return toJson({ ...request, parts: [...parts, ...read] })
  }

  /** All unread text, or null when there is none now; the bell rings when there is more. */
  takeText() {
    return this.#native === null ? null : this.#native.takeText()
  }

  /** Unread events, or null when there are none now; the bell rings when there are more. */
  takeEvents() {
    if (this.#native === null) return this.#takeUnsentFinish()
    const json = this.#native.takeEvents()
    if (json === null) return null
    const events = JSON.parse(json)
    this.#diagnostics.events(events)
    return events
  }

  /** Nobody reads on in a turn that was cut short: what is unread stays so. */
  get isCutShort() {
    return this.#cut !== null
  }

  /** Stops the turn inside OpenCode. What was answered so far becomes its result. */
  leave() {
    if (this.outcome === null) {
      if (this.#native === null) this.#end({ result: unsentResult(this.#plan.request) })
      else this.#native.leave()
    }
    return this.ended
  }

  /** Stops the turn inside OpenCode, and ends with the error that `makeError(outcome, site)` returns. */
  cutShort(makeError) {
    if (this.outcome === null) this.#cut ??= makeError
    return this.leave()
  }

  /** A turn that was left before it began ends with `finish` too. */
  #takeUnsentFinish() {
    const result = this.outcome?.result
    if (result === undefined || this.#hasToldFinish) return null
    this.#hasToldFinish = true
    return [{ type: 'finish', sessionID: result.sessionID, result }]
  }

  /** The bell: native code rings it again only after an answer of null, so both are asked each time. */
  #look() {
    if (this.outcome === null && this.#native !== null) {
      this.#diagnostics.session(this.#native)
      this.#takeAsks()
      const json = this.#native.outcome()
      if (json !== null) return this.#end(this.#read(JSON.parse(json)))
    }
    this.onChange?.()
  }

  /** Whether or not anybody reads: an ask holds the turn. */
  #takeAsks() {
    if (this.#asks === null) return
    const json = this.#native.takeAsks()
    if (json !== null) this.#asks.take(JSON.parse(json))
  }

  #read({ error, ...outcome }) {
    const seen = error ? { error: errorFromFailure(error, this.#plan.site) } : outcome
    return this.#cut ? { error: this.#cut(seen, this.#plan.site) } : seen
  }

  #end(outcome) {
    this.outcome = outcome
    this.#diagnostics.end(outcome)
    this.#asks?.end()
    this.#plan.running.delete(this)
    this.#plan.signal?.removeEventListener('abort', this.#onAbort)
    this.#announceEnd(outcome)
    this.onChange?.()
  }
}

/** Null where no function answers: then none is asked. */
function asksOf(callbacks = {}, ...rest) {
  if (!Object.values(callbacks).some((each) => typeof each === 'function')) return null
  const { Asks } = require('./asks.js')
  return new Asks(callbacks, ...rest)
}

/** A lone half of an emoji, as slicing a string leaves it, has no UTF-8: it goes out as U+FFFD. */
function toJson(request) {
  return JSON.stringify(request, (_, value) => (typeof value === 'string' ? value.toWellFormed() : value))
}

/** Nothing was sent: there is a session only if one was named. */
function unsentResult({ session }) {
  return abortedResult({ sessionID: session.fork ? undefined : (session.id ?? undefined) })
}

module.exports = { TurnLife }
