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
    this.#at(id, 'text')
  }

  'text-delta'({ id, delta }) {
    this.#at(id, 'text').text += delta
  }

  'reasoning-start'({ id }) {
    this.#at(id, 'reasoning')
  }

  'reasoning-delta'({ id, delta }) {
    this.#at(id, 'reasoning').text += delta
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

  /** The block of an id, opened by whatever of it comes first. */
  #at(id, type) {
    const known = this.#byId.get(id)
    if (known !== undefined) return known
    const block = { type, text: '' }
    this.#byId.set(id, block)
    this.#blocks.push(block)
    return block
  }
}

module.exports = { Content }
