'use strict'

const { answerInJson } = require('./answer-in-json.js')
const { asCallError } = require('./call-error.js')
const { readCall } = require('./call.js')
const { Content } = require('./content.js')
const { OpenCodeError } = require('../lib/opencode-error.js')
const { StreamParts, finishPart } = require('./stream-parts.js')

/** A language model to version 4 of the AI SDK's specification. A call is one turn of OpenCode, tools included. */
class OpenCodeLanguageModel {
  specificationVersion = 'v4'
  provider = 'opencode'
  modelId
  /** None: the AI SDK fetches what a prompt links to, and we pass it on inline. */
  supportedUrls = {}
  #client
  #settings

  constructor(client, modelId, settings = {}) {
    this.#client = client
    this.modelId = modelId ?? 'default'
    this.#settings = modelId == null || modelId === 'default' ? settings : { ...settings, model: modelId }
  }

  async doGenerate(options) {
    const { warnings, parts } = await this.#begin(options)
    const content = new Content()
    for await (const part of parts) {
      if (part.type === 'error') throw part.error
      content.take(part)
    }
    return { ...content.result(), warnings }
  }

  async doStream(options) {
    const { warnings, parts, leave } = await this.#begin(options)
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue({ type: 'stream-start', warnings })
      },
      async pull(controller) {
        try {
          const { done, value } = await nextOf(parts)
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          controller.error(error)
        }
      },
      // Not `parts.return()`: that would wait until a silent model speaks.
      cancel: leave,
    })
    return { stream }
  }

  /**
   * Resolves once OpenCode took the prompt. What fails before that is thrown here, where the AI SDK may try again;
   * what fails later is a part of the stream, and is never repeated.
   */
  async #begin(options) {
    const { prompt, generateOptions, schema, warnings } = readCall(options, this.#settings)
    try {
      if (schema !== undefined) {
        const answer = await answerInJson(this.#client, prompt, generateOptions, schema)
        return { warnings, parts: jsonParts(answer, this.modelId), leave: async () => {} }
      }
      const stream = this.#client.generateStream(prompt, generateOptions)
      const parts = turnParts(stream, this.modelId)
      return { warnings, parts: startingWith(await parts.next(), parts), leave: () => stream.abort() }
    } catch (error) {
      throw asCallError(error)
    }
  }
}

/** Only doGenerate() needs to know what was abandoned. */
async function nextOf(parts) {
  const next = await parts.next()
  return next.value?.type === 'discard' ? nextOf(parts) : next
}

async function* startingWith(first, rest) {
  if (!first.done) yield first.value
  yield* rest
}

async function* turnParts(stream, modelId) {
  const translation = new StreamParts(modelId)
  let hasBegun = false
  try {
    for await (const event of stream.events) {
      for (const part of translation.take(event)) {
        hasBegun = true
        yield part
      }
    }
  } catch (error) {
    // The reason of the caller's own signal is no error of ours; before the first part, doStream() itself rejects.
    if (!hasBegun || !(error instanceof OpenCodeError)) throw error
    yield { type: 'error', error: asCallError(error) }
    yield translation.failed()
  }
}

async function* jsonParts({ text, result }, modelId) {
  const id = result.messageID ?? 'json'
  yield { type: 'response-metadata', id: result.sessionID, modelId }
  yield { type: 'text-start', id }
  yield { type: 'text-delta', id, delta: text }
  yield { type: 'text-end', id }
  yield finishPart(result)
}

module.exports = { OpenCodeLanguageModel }
