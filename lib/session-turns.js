'use strict'

const { abortedResult } = require('./aborted-result.js')
const { OpenCodeError } = require('./opencode-error.js')

/**
 * The turns of one session that the first of them makes. Those that begin before its id is known wait for it; if the
 * first one ends without a session, the next one makes it.
 */
class SessionTurns {
  /** Of the session, once it is known. */
  id
  #hasMaker = false
  #waiting = []

  constructor(id) {
    this.id = id
    /** Whether the turns make the session. */
    this.isNew = id === undefined
  }

  /** Starts a native turn, or one that waits; as `start` of a plan, see turn-life.js. */
  begin(start, request, bell) {
    if (this.id !== undefined) return start(inSession(request, this.id), bell)
    if (!this.#hasMaker) return this.#make(start, request, bell)
    const turn = new WaitingTurn(bell, (ring) => this.begin(start, request, ring))
    this.#waiting.push(turn)
    return turn
  }

  #make(start, request, bell) {
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
    const id = native.sessionID
    if (id == null && native.outcome() === null) return
    this.#hasMaker = false
    this.id = id ?? undefined
    for (const turn of this.#waiting.splice(0)) turn.begin()
  }
}

/** The request of a turn of the session that exists now. */
function inSession(request, id) {
  const { session, ...rest } = JSON.parse(request)
  // A title was for the new session, and so was a fork or the search for the newest.
  const title = session.id === id ? session.title : null
  return JSON.stringify({ ...rest, session: { ...session, id, title, continue: false, fork: false } })
}

/** Stands in for a native turn until its session is known. */
class WaitingTurn {
  #bell
  #start
  #turn = null
  /** Of a turn that never began. */
  #outcome = null
  #events = null

  constructor(bell, start) {
    this.#bell = bell
    this.#start = start
  }

  begin() {
    if (this.#outcome !== null) return
    try {
      this.#turn = this.#start(this.#bell)
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
    if (this.#turn !== null) return this.#turn.leave()
    if (this.#outcome !== null) return
    const result = abortedResult({})
    this.#outcome = JSON.stringify({ result })
    this.#events = JSON.stringify([{ type: 'finish', result }])
    this.#bell()
  }
}

function notStarted(cause) {
  return require('./not-started.js').notStarted(cause, 'The turn cannot be started')
}

module.exports = { SessionTurns }
