'use strict'

const { requireAiVersion } = require('./ai-version.js')
const { refuseEvents } = require('./call.js')
const { OpenCode } = require('../lib/client.js')
const { OpenCodeError } = require('../lib/opencode-error.js')
const { OpenCodeLanguageModel } = require('./language-model.js')

/** A provider over one client: its defaults, its connections, and a server of its own if it starts one. */
function createOpenCode(defaults) {
  const client = new OpenCode(defaults)
  refuseEvents(defaults ?? {})
  const provider = (modelId, settings) => {
    if (typeof modelId === 'object' && modelId !== null) return provider(undefined, modelId)
    requireAiVersion()
    return new OpenCodeLanguageModel(client, modelId, settings ?? undefined)
  }
  const without = (kind) => () => {
    throw new OpenCodeError(`OpenCode has no ${kind} models`, {
      code: 'ERR_OPENCODE_UNSUPPORTED_OPTION',
      hint: 'Use another provider of the AI SDK for them.',
      accepted: false,
    })
  }
  return Object.assign(provider, {
    specificationVersion: 'v4',
    languageModel: provider,
    embeddingModel: without('embedding'),
    imageModel: without('image'),
    close: () => client.close(),
  })
}

module.exports = { createOpenCode, opencode: createOpenCode() }
