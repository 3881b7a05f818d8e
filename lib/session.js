'use strict'

const { invalid, show } = require('./invalid-option.js')
const { mergeSettings, readOptions } = require('./options.js')
const { SessionTurns } = require('./session-turns.js')

/** They choose the session of a turn, and that is chosen. */
const NOT_OF_A_TURN = ['sessionID', 'continue', 'fork', 'ephemeral']

/**
 * What `opencode.session()` returns: one session of OpenCode for all its turns.
 */
class Session {
  #client
  #settings
  #turns

  /** @param client see client.js @param settings the client's defaults and the session's own @param known its id */
  constructor(client, settings, known) {
    if (settings.ephemeral) {
      const hint = 'Leave it out, and call `delete()` when the conversation is over.'
      throw invalid('Option `ephemeral`', 'is true for a session of several turns', hint)
    }
    this.#client = client
    this.#settings = settings
    this.#turns = new SessionTurns(known)
  }

  get id() {
    return this.#turns.id
  }

  generateStream(prompt, options) {
    return this.#client.stream(prompt, ...this.#turn(options, this.generateStream))
  }

  generate(prompt, options) {
    return this.#client.drain(prompt, ...this.#turn(options, this.generate))
  }

  generateJson(prompt, options) {
    return this.#client.json(prompt, ...this.#turn(options, this.generateJson))
  }

  fork(options) {
    const settings = mergeSettings(this.#settings, refuseOtherSessions(readOptions(options), 'fork()'))
    return new Session(this.#client, { ...settings, sessionID: this.#require('fork'), fork: true }, undefined)
  }

  async delete() {
    if (this.id === undefined) return
    const [settings, turns] = [this.#settings, this.#turns]
    const removed = this.#client.remove(this.#settingsWith({}))
    // At once: a turn that begins meanwhile is of the next session already.
    const { sessionID: _, continue: __, ...rest } = settings
    this.#settings = settings.fork ? settings : rest
    this.#turns = new SessionTurns()
    try {
      await removed
    } catch (error) {
      if (error?.code === 'ERR_OPENCODE_SESSION_NOT_FOUND') return
      if (!this.#turns.hasBegun) [this.#settings, this.#turns] = [settings, turns]
      throw error
    }
  }

  get [Symbol.toStringTag]() {
    return 'Session'
  }

  #turn(options, caller) {
    const own = refuseOtherSessions(readOptions(options), 'a turn of session()')
    return [
      { own, settings: this.#settingsWith(own) },
      { turns: this.#turns, caller },
    ]
  }

  /** The title is of the session: it is given once. */
  #settingsWith(own) {
    if (this.id === undefined) return mergeSettings(this.#settings, own)
    const { title, fork: _, continue: __, ...rest } = this.#settings
    const settings = this.#turns.isNew || title === undefined ? rest : { ...rest, title }
    return { ...mergeSettings(settings, own), sessionID: this.id }
  }

  #require(what) {
    if (this.id !== undefined) return this.id
    const hint = 'Wait for the first `start` event, or for a result.'
    throw invalid(`${what}()`, 'is of a session that does not exist yet', hint)
  }
}

function refuseOtherSessions(own, where) {
  for (const option of NOT_OF_A_TURN) {
    if (own[option] === undefined) continue
    const hint = `Leave it out, or call the function of the client.`
    throw invalid(`Option \`${option}\``, `is ${show(own[option])}, but ${where} has its session`, hint)
  }
  return own
}

module.exports = { Session }
