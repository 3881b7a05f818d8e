'use strict'

const { channel } = require('node:diagnostics_channel')

/** What each message holds is written in docs/diagnostics.md. */
const CHANNELS = Object.fromEntries(
  ['start', 'session', 'event', 'end'].map((moment) => [moment, channel(`opencode-stream:turn:${moment}`)]),
)

/** What may be told of an event: what it is about, and none of its words. */
const TOLD = [
  ...['messageID', 'partID', 'parentSessionID', 'callID', 'tool', 'status'],
  ...['id', 'permission', 'reply', 'attempt', 'recovered'],
  ...['from', 'to', 'route', 'granularity', 'version'],
]

let turns = 0

/** The messages of one turn. As long as nobody subscribes it makes none. */
class TurnDiagnostics {
  #turn = ++turns
  #request
  #began
  #knowsSession = false

  constructor(request) {
    this.#request = request
  }

  start() {
    this.#began = performance.now()
    this.#publish('start', () => summaryOf(this.#request))
  }

  /** Called each time that something may have changed; tells the session of the native turn once it has one. */
  session(native) {
    if (this.#knowsSession || !CHANNELS.session.hasSubscribers) return
    const { sessionID } = native
    if (sessionID == null) return
    this.#knowsSession = true
    this.#publish('session', () => ({ sessionID, duration: this.#duration }))
  }

  events(events) {
    if (!CHANNELS.event.hasSubscribers) return
    const redact = redactorOf(this.#request)
    for (const event of events) this.#publish('event', () => namesOf(event, redact))
  }

  end({ error, result }) {
    this.#publish('end', () => ({
      duration: this.#duration,
      ...(result === undefined ? failureOf(error, redactorOf(this.#request)) : endOf(result)),
    }))
  }

  /** Milliseconds since the start; 0 for a turn that never began. */
  get #duration() {
    return this.#began === undefined ? 0 : performance.now() - this.#began
  }

  #publish(moment, message) {
    if (!CHANNELS[moment].hasSubscribers) return
    let told
    try {
      told = { turn: this.#turn, ...message() }
    } catch {
      // What a signal gives as its reason may be an object that throws when it is looked at.
      return
    }
    CHANNELS[moment].publish(told)
  }
}

/** Loaded only for who listens: most processes never do, and each file costs their start a part of a millisecond. */
function redactorOf(request) {
  return require('./redact.js').redactor(request)
}

/** Where to, and how; neither the prompt nor anything secret. */
function summaryOf({ routes, parts, files, ...request }) {
  const { url, directory, credentials, headers, session, agent, model, permission } = request
  return {
    routes,
    url,
    directory,
    authenticated: credentials !== null || 'authorization' in headers,
    headers: Object.keys(headers),
    sessionID: session.id,
    agent,
    model,
    parts: parts.length + files.length,
    permission,
  }
}

function namesOf({ type, sessionID, ...event }, redact) {
  const told = { type, sessionID }
  for (const name of TOLD) {
    const value = event[name]
    if (value !== undefined && typeof value !== 'object') told[name] = value
  }
  // Why a route was left: the words of an error.
  if (type === 'fallback') told.reason = redact(event.reason)
  return told
}

function endOf({ sessionID, finishReason, route, version, usage, cost, reconnects }) {
  return { sessionID, finishReason, route, version, usage, cost, reconnects }
}

/** Without `data`, `stderr` and `cause`: they are other programs' words. */
function failureOf(error, redact) {
  const { name, code, message, accepted, status, sessionID } = Object(error)
  const told = { name, code, message: redact(String(message ?? error)), accepted, status }
  return { sessionID, error: told }
}

module.exports = { TurnDiagnostics }
