'use strict'

// Taken at load time: a user's tests may put fake timers in the place of the global ones.
const { clearTimeout, setTimeout } = require('node:timers')
const { abortedResult } = require('./aborted-result.js')
const { OpenCodeError } = require('./opencode-error.js')

/**
 * The turns of one session that the first of them makes. Those that begin before its id is known wait for it; if the
 * first one ends without a session, the next one makes it.
 */
class SessionTurns {
  /** Of the session, once it is known. */
  id
  /** Whether there was a turn. */
  hasBegun = false
  #hasMaker = false
  #waiting = []

  constructor(id) {
    this.id = id
    /** Whether the turns make the session. */
    this.isNew = id === undefined
  }

  /** Starts a native turn, or one that waits; as `start` of a plan, see turn-life.js. `total`: its timeout, if any. */
  begin(start, request, bell, total = Infinity) {
    this.hasBegun = true
    if (this.id !== undefined || !this.#hasMaker) return this.#start(start, request, bell)
    const turn = new WaitingTurn(bell, total, (ring, waited) =>
      this.#start(start, withWaited(request, waited), ring),
    )
    this.#waiting.push(turn)
    return turn
  }

  #start(start, request, bell) {
    if (this.id !== undefined) return start(inSession(request, this.id), bell)
    let native = null
    this.#hasMaker = true
    try {
      native = start(request, () => {
        if (native !== null) this.#look(native)
        bell()
      })
    } catch (error) {
      this.#hasMaker = false
      throw error
    }
    return native
  }

  /** The maker may have its session now, or have ended without one. */
  #look(native) {
    if (this.id !== undefined || !this.#hasMaker) return
    const id = native.sessionID ?? undefined
    const outcome = id === undefined ? JSON.parse(native.outcome()) : null
    if (id === undefined && outcome === null) return
    this.#hasMaker = false
    this.id = id ?? keptSession(outcome)
    while (this.#waiting.length > 0 && (this.id !== undefined || !this.#hasMaker)) {
      this.#waiting.shift().begin()
    }
  }
}

/** The session of a turn that failed: where its prompt may have been taken, the session stays. */
function keptSession({ error }) {
  return error !== undefined && error.accepted !== false ? (error.sessionID ?? undefined) : undefined
}

/** The request of a turn of the session that exists now. */
function inSession(request, id) {
  const { session, ...rest } = JSON.parse(request)
  // A title was for the new session, and so was a fork or the search for the newest.
  const title = session.id === id ? session.title : null
  return JSON.stringify({ ...rest, session: { ...session, id, title, continue: false, fork: false } })
}

/** The request of a turn that has waited for so many milliseconds: they count for its total timeout. */
function withWaited(request, waited) {
  const { timeouts, ...rest } = JSON.parse(request)
  return JSON.stringify({ ...rest, timeouts: { ...timeouts, waited } })
}

/** Stands in for a native turn until its session is known, or `total` milliseconds have passed. */
class WaitingTurn {
  #bell
  #start
  #began = performance.now()
  #timer
  #turn = null
  /** Of a turn that never began. */
  #outcome = null
  #events = null

  constructor(bell, total, start) {
    this.#bell = bell
    this.#start = start
    if (total !== Infinity) this.#timer = setTimeout(() => this.#neverBegin({ error: late(total) }), total)
  }

  begin() {
    if (this.#outcome !== null) return
    clearTimeout(this.#timer)
    try {
      this.#turn = this.#start(this.#bell, performance.now() - this.#began)
    } catch (error) {
      const failure = error instanceof OpenCodeError ? error : notStarted(error)
      this.#outcome = JSON.stringify({ error: failure.toJSON() })
    }
    this.#bell()
  }

  get sessionID() {
    return this.#turn?.sessionID ?? null
  }

  takeText() {
    return this.#turn?.takeText() ?? null
  }

  takeEvents() {
    const events = this.#events
    this.#events = null
    return events ?? this.#turn?.takeEvents() ?? null
  }

  takeAsks() {
    return this.#turn?.takeAsks() ?? null
  }

  answer(id, reply) {
    this.#turn?.answer(id, reply)
  }

  outcome() {
    return this.#outcome ?? this.#turn?.outcome() ?? null
  }

  leave() {
    if (this.#turn !== null) this.#turn.leave()
    else this.#leaveUnsent()
  }

  /** A turn that has not begun cannot run on. */
  detach() {
    if (this.#turn !== null) this.#turn.detach()
    else this.#leaveUnsent()
  }

  #leaveUnsent() {
    const result = abortedResult({})
    this.#neverBegin({ result }, [{ type: 'finish', result }])
  }

  #neverBegin(outcome, events = null) {
    if (this.#outcome !== null) return
    clearTimeout(this.#timer)
    this.#outcome = JSON.stringify(outcome)
    this.#events = events && JSON.stringify(events)
    this.#bell()
  }
}

/** As the driver's, see `src/turn_driver/mod.rs`. */
function late(total) {
  return {
    code: 'ERR_OPENCODE_TIMEOUT',
    message: `The turn took longer than ${total} ms: it waited for the session, which another turn makes`,
    hint: 'Raise timeouts.total, or leave it out: it counts the wait for earlier turns too.',
    accepted: false,
    retryable: true,
    data: { phase: 'total' },
  }
}

function notStarted(cause) {
  return require('./not-started.js').notStarted(cause, 'The turn cannot be started')
}

module.exports = { SessionTurns }
