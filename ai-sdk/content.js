'use strict'

/** The parts of a stream as one whole: what doGenerate() returns. */
class Content {
  #blocks = []
  #byId = new Map()
  #response
  #end

  take(part) {
    this[part.type]?.(part)
  }

  'response-metadata'({ type, ...response }) {
    this.#response = response
  }

  'text-start'({ id }) {
    this.#open(id, { type: 'text', text: '' })
  }

  'text-delta'({ id, delta }) {
    this.#byId.get(id).text += delta
  }

  'reasoning-start'({ id }) {
    this.#open(id, { type: 'reasoning', text: '' })
  }

  'reasoning-delta'({ id, delta }) {
    this.#byId.get(id).text += delta
  }

  'tool-call'(part) {
    this.#blocks.push(part)
  }

  'tool-result'(part) {
    this.#blocks.push(part)
  }

  discard({ ids }) {
    const abandoned = new Set(ids.map((id) => this.#byId.get(id)))
    this.#blocks = this.#blocks.filter((block) => !abandoned.has(block))
  }

  finish({ type, ...end }) {
    this.#end = end
  }

  result() {
    const content = this.#blocks.filter(({ text }) => text !== '')
    return { content, ...this.#end, response: this.#response }
  }

  #open(id, block) {
    this.#byId.set(id, block)
    this.#blocks.push(block)
  }
}

module.exports = { Content }
