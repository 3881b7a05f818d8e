'use strict'

const { TurnDiagnostics } = require('./diagnostics.js')
const { invalid } = require('./invalid-option.js')
const { OpenCodeError, errorFromFailure } = require('./opencode-error.js')
const { toJson } = require('./plain-json.js')
const { onAbort, reasonOf } = require('./signals.js')

const TOO_LARGE = 'Send less at once: all of a prompt, its files included, is one string of JSON.'

const SIGNAL = 'Pass the `signal` of an AbortController.'

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
 *   detaches  whether the turn runs on inside OpenCode when it is left
 *   callbacks how asks are answered: { permission?, question? }, each a function, or the word of the option
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
  #forgetSignal = () => {}

  constructor(plan) {
    this.#plan = plan
    this.#diagnostics = new TurnDiagnostics(plan.request)
    this.#asks = asksOf(
      plan.callbacks,
      (id, reply) => this.#native.answer(id, reply),
      (makeError) => this.#stop(makeError),
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
    try {
      if (signal?.aborted) return this.#end({ error: reasonOf(signal) })
      this.#forgetSignal = onAbort(signal, () => this.#stop(() => reasonOf(signal)))
    } catch (cause) {
      return this.#end({ error: invalid('Option `signal`', 'cannot be listened to', SIGNAL, cause) })
    }
    if (this.outcome !== null) return
    this.#diagnostics.start()
    try {
      this.#native = start(this.#readRequest(), () => this.#look())
    } catch (error) {
      return this.#end({
        error: error instanceof OpenCodeError ? error : notStarted(error),
      })
    }
    running.add(this)
    this.#look()
  }

  /** Files are read at the last moment, at once and in call order, and before anything is sent. */
  #readRequest() {
    const { files = [], parts = [], ...request } = this.#plan.request
    const read = files.length === 0 ? [] : require('./files.js').readFiles(files)
    return toJson({ ...request, parts: [...parts, ...read] }, 'The prompt', TOO_LARGE)
  }

  /** Answers an ask of this turn; throws where none of that id waits. */
  reply(id, reply) {
    if (this.#native === null || this.outcome !== null || this.#asks === null) {
      throw require('./asks.js').noSuchAsk(id)
    }
    // The event of an ask may be read before the bell has told of it.
    this.#takeAsks()
    this.#asks.reply(id, reply)
  }

  /** All unread text, or null when there is none now; the bell rings when there is more. */
  takeText() {
    return this.#native === null ? null : this.#taking(() => this.#native.takeText())
  }

  /** Unread events, or null when there are none now; the bell rings when there are more. */
  takeEvents() {
    if (this.#native === null) return this.#takeUnsentFinish()
    const events = this.#taking(() => JSON.parse(this.#native.takeEvents()))
    if (events !== null) this.#diagnostics.events(events)
    return events
  }

  /** Nobody reads on in a turn that was cut short: what is unread stays so. */
  get isCutShort() {
    return this.#cut !== null
  }

  /** Stops the turn inside OpenCode, or lets it run on there. What was answered so far becomes its result. */
  leave() {
    return this.#part(this.#plan.detaches)
  }

  /** Stops the turn inside OpenCode. What was answered so far becomes its result. */
  abort() {
    return this.#part(false)
  }

  /** Leaves, and ends with the error that `makeError(outcome, site)` returns. */
  cutShort(makeError) {
    if (this.outcome === null) this.#cut ??= makeError
    return this.leave()
  }

  /** As cutShort(), and stops the turn inside OpenCode. */
  #stop(makeError) {
    if (this.outcome === null) this.#cut ??= makeError
    return this.abort()
  }

  #part(detaches) {
    if (this.outcome === null) {
      if (this.#native === null) this.#end({ result: unsentResult(this.#plan.request) })
      else if (detaches) this.#native.detach()
      else this.#native.leave()
    }
    return this.ended
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
      const outcome = this.#taking(() => {
        this.#diagnostics.session(this.#native)
        this.#takeAsks()
        return JSON.parse(this.#native.outcome())
      })
      if (outcome !== null) return this.#end(this.#read(outcome))
    }
    this.onChange?.()
  }

  /**
   * What crosses from native code may be more than JavaScript can hold in a string or parse. The bell has nobody to
   * throw to, so that ends the turn. `null` passes through `JSON.parse`.
   */
  #taking(take) {
    try {
      return take()
    } catch (cause) {
      this.#giveUp(cause)
      return null
    }
  }

  #giveUp(cause) {
    if (this.outcome !== null) {
      if ('result' in this.outcome) this.outcome = { error: this.#tooMuch(cause) }
      return
    }
    this.#cut ??= () => this.#tooMuch(cause)
    this.leave()
    this.#end({ error: this.#cut({}, this.#plan.site) })
  }

  #tooMuch(cause) {
    const failure = {
      code: 'ERR_OPENCODE_LIMIT',
      message: 'What OpenCode sent is more than JavaScript can hold at once',
      hint: 'Read the stream as it arrives, and lower `limits.record` and `limits.buffered`.',
      accepted: true,
      sessionID: this.sessionID,
    }
    const error = errorFromFailure(failure, this.#plan.site)
    error.cause = cause
    return error
  }

  /** Whether or not anybody reads: an ask holds the turn. */
  #takeAsks() {
    if (this.#asks === null) return
    const json = this.#native.takeAsks()
    if (json !== null) this.#asks.take(JSON.parse(json))
  }

  #read({ error, ...outcome }) {
    const seen = error ? { error: errorFromFailure(error, this.#plan.site) } : outcome
    if (this.#cut === null) return seen
    return { error: withSpent(this.#cut(seen, this.#plan.site), seen.result ?? seen.error) }
  }

  #end(outcome) {
    this.outcome = outcome
    this.#diagnostics.end(outcome)
    this.#asks?.end()
    this.#plan.running.delete(this)
    this.#forgetSignal()
    this.#announceEnd(outcome)
    this.onChange?.()
  }
}

/** What the turn had cost by then; a reason of the user's own stays as it is. */
function withSpent(error, { usage, cost }) {
  if (error instanceof OpenCodeError && usage !== undefined) {
    error.usage ??= usage
    error.cost ??= cost
  }
  return error
}

/** Null where native code answers all asks by itself. */
function asksOf(callbacks = {}, ...rest) {
  const isAsked = (each) => typeof each === 'function' || each === 'event' || each === 'leave'
  if (!Object.values(callbacks).some(isAsked)) return null
  const { Asks } = require('./asks.js')
  return new Asks(callbacks, ...rest)
}

function notStarted(cause) {
  return require('./not-started.js').notStarted(cause, 'The turn cannot be started')
}

/** Nothing was sent: there is a session only if one was named. */
function unsentResult({ session }) {
  const { abortedResult } = require('./aborted-result.js')
  return abortedResult({ sessionID: session.fork ? undefined : (session.id ?? undefined) })
}

module.exports = { TurnLife }
