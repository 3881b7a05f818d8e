'use strict'

const { invalid, reading, show, snapshot } = require('./invalid-option.js')
const { wordsOf } = require('./opencode-error.js')
const { toJson } = require('./plain-json.js')

const PERMISSION_HINT =
  "Give 'once', 'always', 'reject', or { reply, message }, where `message` goes with a rejection."
const QUESTION_HINT =
  "Give 'reject', or one array of labels per question, e.g. [['Blue']] for one question with one answer."

/**
 * The asks of one turn that the user answers: by functions of their own, or by `reply()`. What OpenCode asks comes in
 * through take(), and goes to the function of its type, if there is one; what that says goes to `answer(id, json)`. A
 * function that fails, or says what is no reply, goes to `fail(makeError)`, whose argument is how the turn would have
 * ended otherwise.
 */
class Asks {
  #callbacks
  #answer
  #fail
  /** Each ask that waits: `{ type, count, controller }`. */
  #open = new Map()
  #isOver = false

  constructor(callbacks, answer, fail) {
    this.#callbacks = callbacks
    this.#answer = answer
    this.#fail = fail
  }

  /** @param calls `{ ask }`, or `{ closed: id }` once another client has answered */
  take(calls) {
    for (const { ask, closed } of calls) {
      if (ask) this.#ask(ask)
      else this.#close(closed)
    }
  }

  /** Answers an ask that waits. Throws where there is none of that id, or `said` is no reply to it. */
  reply(id, said) {
    const open = this.#open.get(id)
    if (open === undefined) throw noSuchAsk(id)
    const by = { subject: 'The reply', says: 'is' }
    const json = toJson(
      reading(by.subject, () => READERS[open.type](said, open.count, by)),
      by.subject,
    )
    this.#close(id)
    this.#answer(id, json)
  }

  /** The turn is over: nobody needs an answer any more. */
  end() {
    this.#isOver = true
    for (const id of [...this.#open.keys()]) this.#close(id)
  }

  async #ask({ type, ...ask }) {
    if (this.#isOver) return
    const { id, questions } = ask
    const open = { type, count: questions?.length, controller: new AbortController() }
    this.#open.set(id, open)
    if (typeof this.#callbacks[type] !== 'function') return
    // The object is the user's from here on, to change as they like, and to send on as a message of theirs: its type
    // does not take the place of that message's own.
    Object.defineProperty(ask, 'type', { value: type, enumerable: false, writable: true, configurable: true })
    const act = await this.#consult(ask, open)
    // After the signal nobody wants to hear of it: neither the answer nor the error that the signal caused.
    if (this.#open.get(id) !== open) return
    this.#open.delete(id)
    try {
      act()
    } catch (error) {
      this.#failing(
        invalid(`Option \`${type}\``, `has an answer that cannot be passed on: ${wordsOf(error)}`),
      )()
    }
  }

  /** Asks the user's function; what is to be done then. */
  async #consult(ask, { type, count, controller: { signal } }) {
    const subject = `Option \`${type}\``
    const { id } = ask
    let said
    try {
      said = await this.#callbacks[type](ask, { signal })
    } catch (error) {
      if (error != null) return () => this.#fail(() => error)
      const problem = 'is a function that failed, and did not say why'
      return this.#failing(invalid(subject, problem, 'Throw an Error.'))
    }
    try {
      // Read here and now: what the function returned is its own, with getters and all.
      const by = { subject, says: 'returned' }
      const reply = reading(`What ${subject.toLowerCase()} returned`, () => READERS[type](said, count, by))
      const json = toJson(reply, subject)
      return () => this.#answer(id, json)
    } catch (error) {
      return this.#failing(error)
    }
  }

  #failing(error) {
    return () => this.#fail((outcome) => inTheTurn(error, outcome))
  }

  #close(id) {
    const open = this.#open.get(id)
    this.#open.delete(id)
    open?.controller.abort()
  }
}

/** No ask of that id waits: there was none, it was answered, or the turn is over. */
function noSuchAsk(id) {
  return invalid(
    'The id of reply()',
    `is ${show(id)}, and no ask of that id waits for a reply`,
    "Pass the `id` of a `permission` or `question` event with the status 'asked', once; the option of that name must be 'event'.",
  )
}

const READERS = { permission: readPermission, question: readQuestion }

function readPermission(said, _count, by) {
  const { reply, message = null, ...rest } = snapshot(said) ?? { reply: said }
  const fits =
    ['once', 'always', 'reject'].includes(reply) &&
    (message === null || typeof message === 'string') &&
    Object.keys(rest).length === 0
  if (!fits) throw noReply(by, said, PERMISSION_HINT)
  if (message !== null && reply !== 'reject') {
    const hint = 'Leave `message` out, or reject: only a rejection carries one to the model.'
    throw invalid(
      by.subject,
      `${by.says === 'is' ? 'has' : by.says} a \`message\` beside the reply '${reply}'`,
      hint,
    )
  }
  return { reply, message }
}

function readQuestion(said, count, by) {
  if (said === 'reject') return { reply: said }
  if (!Array.isArray(said)) throw noReply(by, said, QUESTION_HINT)
  if (said.length !== count) {
    const problem = `${by.says === 'is' ? 'has' : by.says} ${said.length} answers to ${count} questions`
    throw invalid(by.subject, problem, QUESTION_HINT)
  }
  // Copies, with the holes of sparse arrays: what is checked is what goes out.
  const answers = Array.from(said, (each) => (Array.isArray(each) ? Array.from(each) : null))
  const isAnswer = (answer) => answer?.every((label) => typeof label === 'string')
  if (!answers.every(isAnswer)) throw noReply(by, said, QUESTION_HINT)
  return { reply: answers }
}

function noReply({ subject, says }, said, hint) {
  return invalid(subject, `${says} ${show(said)}, which is no reply`, hint)
}

/** The mistake is in an option, and yet the prompt had been taken. */
function inTheTurn(error, { error: otherwise, result }) {
  error.accepted = result !== undefined ? true : (otherwise?.accepted ?? 'unknown')
  error.sessionID = otherwise?.sessionID ?? result?.sessionID
  return error
}

module.exports = { Asks, noSuchAsk }
