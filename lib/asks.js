'use strict'

const { invalid, isPlainObject, show } = require('./invalid-option.js')

const PERMISSION_HINT =
  "Return 'once', 'always', 'reject', or { reply, message }, where `message` goes with a rejection."
const QUESTION_HINT =
  "Return 'reject', or one array of labels per question, e.g. [['Blue']] for one question with one answer."

/**
 * The asks of one turn that the user's own functions answer. What OpenCode asks comes in through take(),
 * and goes to the function of its type; what that says goes to `answer(id, json)`. A function that fails,
 * or says what is no reply, goes to `fail(error)`.
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
    const controller = new AbortController()
    this.#open.set(ask.id, controller)
    let act
    try {
      const reply = READERS[ask.type](
        await this.#callbacks[ask.type](ask, { signal: controller.signal }),
        ask,
      )
      act = () => this.#answer(ask.id, JSON.stringify(reply))
    } catch (error) {
      act = () => this.#fail(error)
    }
    // After the signal nobody wants to hear of it: neither the answer nor the error that the signal caused.
    if (this.#open.get(ask.id) !== controller) return
    this.#open.delete(ask.id)
    act()
  }

  #close(id) {
    const controller = this.#open.get(id)
    this.#open.delete(id)
    controller?.abort()
  }
}

const READERS = { permission: readPermission, question: readQuestion }

function readPermission(said) {
  const { reply, message = null, ...rest } = isPlainObject(said) ? said : { reply: said }
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

function readQuestion(said, { questions }) {
  if (said === 'reject') return { reply: said }
  const isAnswer = (answer) => Array.isArray(answer) && answer.every((label) => typeof label === 'string')
  if (!Array.isArray(said) || !said.every(isAnswer)) throw noReply('question', said, QUESTION_HINT)
  if (said.length !== questions.length) {
    const problem = `returned ${said.length} answers to ${questions.length} questions`
    throw invalid('Option `question`', problem, QUESTION_HINT)
  }
  return { reply: said }
}

function noReply(option, said, hint) {
  return invalid(`Option \`${option}\``, `returned ${show(said)}, which is no reply`, hint)
}

module.exports = { Asks }
