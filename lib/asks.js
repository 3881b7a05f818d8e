'use strict'

const { invalid, reading, show, snapshot } = require('./invalid-option.js')
const { wordsOf } = require('./opencode-error.js')
const { toJson } = require('./plain-json.js')

const PERMISSION_HINT =
  "Return 'once', 'always', 'reject', or { reply, message }, where `message` goes with a rejection."
const QUESTION_HINT =
  "Return 'reject', or one array of labels per question, e.g. [['Blue']] for one question with one answer."

/**
 * The asks of one turn that the user's own functions answer. What OpenCode asks comes in through take(),
 * and goes to the function of its type; what that says goes to `answer(id, json)`. A function that fails,
 * or says what is no reply, goes to `fail(makeError)`, whose argument is how the turn would have ended otherwise.
 */
class Asks {
  #callbacks
  #answer
  #fail
  /** One AbortController per ask that waits for its function. */
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

  /** The turn is over: nobody needs an answer any more. */
  end() {
    this.#isOver = true
    for (const id of [...this.#open.keys()]) this.#close(id)
  }

  async #ask(ask) {
    if (this.#isOver) return
    // The object is the user's from here on, to change as they like.
    const { id, type, questions } = ask
    const controller = new AbortController()
    this.#open.set(id, controller)
    const act = await this.#consult(ask, controller.signal, { id, type, count: questions?.length })
    // After the signal nobody wants to hear of it: neither the answer nor the error that the signal caused.
    if (this.#open.get(id) !== controller) return
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
  async #consult(ask, signal, { id, type, count }) {
    const subject = `Option \`${type}\``
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
      const reply = reading(`What ${subject.toLowerCase()} returned`, () => READERS[type](said, count))
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
    const controller = this.#open.get(id)
    this.#open.delete(id)
    controller?.abort()
  }
}

const READERS = { permission: readPermission, question: readQuestion }

function readPermission(said) {
  const { reply, message = null, ...rest } = snapshot(said) ?? { reply: said }
  const fits =
    ['once', 'always', 'reject'].includes(reply) &&
    (message === null || typeof message === 'string') &&
    Object.keys(rest).length === 0
  if (!fits) throw noReply('permission', said, PERMISSION_HINT)
  if (message !== null && reply !== 'reject') {
    const hint = 'Leave `message` out, or reject: only a rejection carries one to the model.'
    throw invalid('Option `permission`', `returned a \`message\` beside the reply '${reply}'`, hint)
  }
  return { reply, message }
}

function readQuestion(said, count) {
  if (said === 'reject') return { reply: said }
  if (!Array.isArray(said)) throw noReply('question', said, QUESTION_HINT)
  if (said.length !== count) {
    const problem = `returned ${said.length} answers to ${count} questions`
    throw invalid('Option `question`', problem, QUESTION_HINT)
  }
  // Copies, with the holes of sparse arrays: what is checked is what goes out.
  const answers = Array.from(said, (each) => (Array.isArray(each) ? Array.from(each) : null))
  const isAnswer = (answer) => answer?.every((label) => typeof label === 'string')
  if (!answers.every(isAnswer)) throw noReply('question', said, QUESTION_HINT)
  return { reply: answers }
}

function noReply(option, said, hint) {
  return invalid(`Option \`${option}\``, `returned ${show(said)}, which is no reply`, hint)
}

/** The mistake is in an option, and yet the prompt had been taken. */
function inTheTurn(error, { error: otherwise, result }) {
  error.accepted = result !== undefined ? true : (otherwise?.accepted ?? 'unknown')
  error.sessionID = otherwise?.sessionID ?? result?.sessionID
  return error
}

module.exports = { Asks }
