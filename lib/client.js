'use strict'

const { loadAddon } = require('./addon.js')
const asyncDispose = require('./dispose-symbol.js')
const { GenerateStream } = require('./generate-stream.js')
const { invalid } = require('./invalid-option.js')
const { callSite, errorFromFailure } = require('./opencode-error.js')
const { onAbort, reasonOf } = require('./signals.js')
const { toJson } = require('./plain-json.js')
const { HEALTH_OPTIONS, mergeSettings, readOptions } = require('./options.js')
const { findRoutes, healthRequest, turnRequest } = require('./turn-request.js')

const addon = loadAddon()
const logLevel = process.env.OPENCODE_STREAM_LOG
if (logLevel) require('./log.js').logAsAsked(logLevel)

class OpenCode {
  #defaults
  #native
  /** What native code holds for us: servers of our own end with their last holder. */
  #client = null
  #running = new Set()
  #closing = null

  /** @param native the addon; another one is passed only by tests of this file */
  constructor(defaults, native = addon) {
    this.#defaults = readOptions(defaults)
    this.#native = native
    findRoutes(this.#defaults, {})
  }

  generateStream(prompt, options) {
    return this.#ofOptions(prompt, this.#read(options), callSite(this.generateStream))
  }

  generate(prompt, options) {
    return this.#drained(prompt, this.#read(options), callSite(this.generate))
  }

  generateJson(prompt, options) {
    return this.#json(prompt, this.#read(options).settings, callSite(this.generateJson))
  }

  session(options) {
    const { settings } = this.#read(options)
    const { Session } = require('./session.js')
    const client = {
      stream: (prompt, read, { turns, caller }) => this.#ofOptions(prompt, read, callSite(caller), turns),
      drain: (prompt, read, { turns, caller }) => this.#drained(prompt, read, callSite(caller), turns),
      json: (prompt, { settings }, { turns, caller }) =>
        this.#json(prompt, settings, callSite(caller), turns),
      remove: (settings) => this.#errand('delete', 'Hello', settings, callSite(this.session)),
    }
    this.#refuseIfClosed()
    // What cannot be is refused here, not at the first turn.
    turnRequest('Hello', settings)
    return new Session(client, settings, settings.fork ? undefined : settings.sessionID)
  }

  #read(options) {
    const own = readOptions(options)
    return { own, settings: mergeSettings(this.#defaults, own) }
  }

  #ofOptions(prompt, { own, settings }, site, turns) {
    refuseJsonOptions(own)
    return this.#stream(prompt, settings, site, turns)
  }

  #drained(prompt, { own, settings }, site, turns) {
    refuseJsonOptions(own)
    refuseEvents(settings, 'generate')
    return drain(this.#stream(prompt, settings, site, turns))
  }

  #json(prompt, settings, site, turns) {
    if (settings.schema === undefined) {
      throw invalid('Option `schema`', 'is missing', 'Pass the schema that the answer must fit.')
    }
    refuseEvents(settings, 'generateJson')
    // Modules that few turns need are loaded when one does: each costs a new process some tenths of a millisecond.
    const { generateJson } = require('./generate-json.js')
    const attempt = (prompt, settings) => drain(this.#stream(prompt, settings, site, turns))
    return generateJson(attempt, prompt, settings, { running: this.#running, site })
  }

  /** `turns`: those of a session that the first of them makes. */
  #stream(prompt, settings, site, turns) {
    this.#refuseIfClosed()
    const total = settings.timeouts?.total
    const start = (request, bell) => {
      this.#refuseIfClosed()
      this.#client ??= new this.#native.Client()
      return this.#client.start(request, bell)
    }
    return new GenerateStream({
      request: turnRequest(prompt, settings),
      signal: settings.signal,
      detaches: settings.onLeave === 'detach',
      callbacks: { permission: settings.permission, question: settings.question },
      running: this.#running,
      site,
      start: turns === undefined ? start : (request, bell) => turns.begin(start, request, bell, total),
    })
  }

  health(options) {
    this.#refuseIfClosed()
    const settings = mergeSettings(this.#defaults, readOptions(options, HEALTH_OPTIONS))
    return this.#askHealth(healthRequest(settings), settings.signal, callSite(this.health))
  }

  close() {
    this.#closing ??= Promise.all(Array.from(this.#running, (life) => life.cutShort(closedError))).then(() =>
      this.#letGo(),
    )
    return this.#closing
  }

  [asyncDispose]() {
    return this.close()
  }

  #letGo() {
    return new Promise((resolve) => {
      if (this.#client === null) resolve()
      else this.#client.letGo(resolve)
    })
  }

  findPrompt(prompt, options) {
    const { settings } = this.#read(options)
    if (settings.sessionID === undefined) {
      throw invalid('Option `sessionID`', 'is missing', "Pass the error's `sessionID`, or the stream's.")
    }
    const found = this.#errand('find', prompt, settings, callSite(this.findPrompt))
    return found.then((message) => message ?? undefined)
  }

  /** Something with the session that the settings name: 'find' the prompt in it, or 'delete' it. */
  #errand(what, prompt, settings, site) {
    this.#refuseIfClosed()
    const request = turnRequest(prompt, settings)
    const routes = request.routes.filter((route) => route === 'server' || route === 'private')
    // What OpenCode's command line stored, a server of its own can read.
    const asked = toJson({ ...request, routes: routes.length > 0 ? routes : ['private'] }, 'The prompt')
    this.#client ??= new this.#native.Client()
    return this.#asking(settings.signal, site, (done) => this.#client.errand(asked, what, done))
  }

  #askHealth(request, signal, site) {
    return this.#asking(signal, site, (done) => this.#native.health(toJson(request, 'The options'), done))
  }

  /** Asks native code something that is no turn: `ask(done)`, where `done` gets JSON. */
  #asking(signal, site, ask) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(reasonOf(signal))
      const forget = onAbort(signal, () => reject(reasonOf(signal)))
      // Whatever native code throws, at once or with its answer, it throws at nobody.
      const settled = (take) => {
        try {
          take()
        } catch (cause) {
          forget()
          reject(require('./not-started.js').notStarted(cause, 'The server cannot be asked'))
        }
      }
      const answered = (json) => {
        forget()
        const { error, result } = JSON.parse(json)
        if (error) reject(errorFromFailure(error, site))
        else resolve(result)
      }
      settled(() => ask((json) => settled(() => answered(json))))
    })
  }

  #refuseIfClosed() {
    if (this.#closing !== null) throw closedError({ error: { accepted: false } })
  }

  static default = new OpenCode()
}

/** As defaults they wait for generateJson(); of a call that cannot honour them they are a mistake. */
function refuseJsonOptions(own) {
  for (const option of ['schema', 'jsonRetries']) {
    if (own[option] !== undefined) {
      throw invalid(
        `Option \`${option}\``,
        'is one of generateJson()',
        `Call generateJson(), or leave \`${option}\` out.`,
      )
    }
  }
}

/** Without a stream there are no events, and nobody to reply to them. */
function refuseEvents(settings, caller) {
  for (const option of ['permission', 'question']) {
    if (settings[option] !== 'event') continue
    const hint = `Call generateStream(), and read its \`events\`; or pass \`${option}\` as a function.`
    throw invalid(`Option \`${option}\``, `is 'event', but ${caller}() has no stream to reply on`, hint)
  }
}

/** Reads and drops the text as it comes, so that it does not pile up as unread. */
async function drain(stream) {
  const reader = stream[Symbol.asyncIterator]()
  while (!(await reader.next()).done);
  return stream.result
}

/** A turn without a route was left before its prompt was sent. */
function acceptedOf({ route, messageID }) {
  if (messageID !== undefined) return true
  return route === undefined ? false : 'unknown'
}

/** `outcome` is how the turn would have ended otherwise: it says how far the prompt had come. */
function closedError({ error, result }, site) {
  const accepted = result === undefined ? (error?.accepted ?? 'unknown') : acceptedOf(result)
  const failure = {
    code: 'ERR_OPENCODE_CLOSED',
    message: 'This OpenCode client has been closed',
    hint: 'Make a new one with `new OpenCode()`, or close it only after its last turn.',
    accepted,
    retryable: accepted === false,
    sessionID: error?.sessionID ?? result?.sessionID,
  }
  return errorFromFailure(failure, site)
}

module.exports = { OpenCode }
