'use strict'

const TOTALS = {
  usage: { input: 1, output: 1, reasoning: 0, cacheRead: 0, cacheWrite: 0 },
  cost: 0,
  parts: [],
  asks: [],
  reconnects: 0,
  discarded: 0,
}

/**
 * A stand-in for the native binding, for what lib/ alone is answerable for: when a turn starts, what
 * is taken when, how it ends. A test plays OpenCode's side with say(), emit(), finish() and fail().
 */
class ScriptedTurn {
  sessionID = null
  left = 0
  detached = 0
  #unread = { text: '', events: [] }
  #outcome = null
  #asks = []
  answers = []
  #isArmed = false

  constructor(request, bell) {
    this.request = request
    this.bell = bell
    this.said = ''
  }

  takeText() {
    const text = this.#unread.text
    this.#unread.text = ''
    return text === '' ? this.#nothing() : text
  }

  takeEvents() {
    const events = this.#unread.events.splice(0)
    return events.length === 0 ? this.#nothing() : JSON.stringify(events)
  }

  takeAsks() {
    const asks = this.#asks.splice(0)
    return asks.length === 0 ? this.#nothing() : JSON.stringify(asks)
  }

  answer(id, reply) {
    this.answers.push({ id, ...JSON.parse(reply) })
    this.onAnswer?.(id)
  }

  outcome() {
    return this.#outcome ?? this.#nothing()
  }

  leave() {
    this.left++
    if (this.left === 1 && this.#outcome === null) this.onLeave()
  }

  detach() {
    this.detached++
    this.leave()
  }

  /** What OpenCode does when it is told to stop; a test may put something slower here. */
  onLeave() {
    queueMicrotask(() => this.finish({ finishReason: 'abort' }))
  }

  say(text) {
    this.said += text
    this.#unread.text += text
    this.#ring()
  }

  emit(...events) {
    this.#unread.events.push(...events)
    this.#ring()
  }

  /** `{ ask }` or `{ closed: id }`, as native code gives them out. */
  ask(...calls) {
    this.#asks.push(...calls)
    this.#ring()
  }

  finish({ finishReason = 'stop', ...more } = {}) {
    if (this.#outcome !== null) return
    const result = {
      text: this.said,
      sessionID: 'ses_1',
      messageID: 'msg_1',
      finishReason,
      ...TOTALS,
      ...more,
    }
    this.#outcome = JSON.stringify({ result })
    this.emit({ type: 'finish', sessionID: 'ses_1', result })
  }

  fail(failure) {
    this.#outcome = JSON.stringify({ error: failure })
    this.#ring()
  }

  #nothing() {
    this.#isArmed = true
    return null
  }

  /** As in native code: once per answer of null, and never from within a call. */
  #ring() {
    if (!this.#isArmed) return
    this.#isArmed = false
    setImmediate(this.bell)
  }
}

/** `turns` are those started so far; `onStart(turn)` plays at the start of each. */
function scriptedBinding(onStart = () => {}) {
  const turns = []
  const start = (request, bell) => {
    const turn = new ScriptedTurn(JSON.parse(request), bell)
    turns.push(turn)
    onStart(turn)
    return turn
  }
  const healthAnswers = []
  const health = (request, done) => {
    healthAnswers.push({ request: JSON.parse(request), done: (answer) => done(JSON.stringify(answer)) })
  }
  class Client {
    start = start
    letGo(done) {
      setImmediate(done)
    }
  }
  return { Client, start, health, turns, healthAnswers }
}

module.exports = { scriptedBinding }
