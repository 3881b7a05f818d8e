'use strict'

const { credentialsFor } = require('./credentials.js')
const { OpenCodeError } = require('../lib/opencode-error.js')
const { readPrompt } = require('./prompt.js')

const MODEL_S = 'OpenCode sets this by its agents and models'
const OWN_TOOLS = 'OpenCode runs tools of its own; further ones come from MCP servers in its configuration'

/** Settings of a call that OpenCode has no place for: they are told, not dropped in silence. */
const UNSUPPORTED = {
  maxOutputTokens: MODEL_S,
  temperature: MODEL_S,
  topP: MODEL_S,
  topK: MODEL_S,
  presencePenalty: MODEL_S,
  frequencyPenalty: MODEL_S,
  seed: MODEL_S,
  stopSequences: MODEL_S,
  tools: OWN_TOOLS,
  toolChoice: OWN_TOOLS,
  reasoning: 'pass `variant` in `providerOptions.opencode`: its values are those of the model',
}

/** What the AI SDK asks for, in our words. `settings` are the model's; those of the call's `providerOptions` win. */
function readCall(call, given) {
  const settings = credentialsFor(call.providerOptions?.opencode, given)
  const { system, parts } = readPrompt(
    call.prompt,
    hasSession({ ...settings, ...call.providerOptions?.opencode }),
  )
  const warnings = Object.keys(UNSUPPORTED)
    .filter((feature) => asks(feature, call[feature]))
    .map(warning)
  const schema = schemaOf(call.responseFormat)
  refuseEvents({ ...settings, ...call.providerOptions?.opencode })
  return {
    prompt: parts,
    schema,
    warnings,
    generateOptions: {
      ...settings,
      ...call.providerOptions?.opencode,
      ...(system && { system }),
      ...(call.abortSignal && { signal: call.abortSignal }),
      ...(call.includeRawChunks && schema === undefined && { raw: true }),
      ...headersOf(call, settings),
    },
  }
}

/** A reader of the AI SDK has no way to reply. */
function refuseEvents(settings) {
  for (const option of ['permission', 'question']) {
    if (settings[option] !== 'event') continue
    throw new OpenCodeError(`Option \`${option}\` is 'event', but the AI SDK has no place for a reply`, {
      code: 'ERR_OPENCODE_INVALID_OPTION',
      hint: `Pass \`${option}\` as a function to createOpenCode() or opencode().`,
      accepted: false,
    })
  }
}

function hasSession({ sessionID, continue: newest }) {
  return sessionID != null || newest === true
}

function asks(feature, value) {
  if (value === undefined || value === 'provider-default') return false
  if (feature === 'toolChoice') return value.type !== 'auto'
  return !Array.isArray(value) || value.length > 0
}

function warning(feature) {
  return { type: 'unsupported', feature, details: UNSUPPORTED[feature] }
}

/** Without a schema, any JSON object will do. */
function schemaOf(format) {
  if (format?.type !== 'json') return undefined
  return format.schema ?? { type: 'object' }
}

/** The AI SDK's own `user-agent` is no wish of the caller's, and would be a reason to refuse routes without HTTP. */
function headersOf({ headers = {} }, settings) {
  const wanted = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'user-agent')
  return wanted.length > 0 ? { headers: { ...settings.headers, ...Object.fromEntries(wanted) } } : {}
}

module.exports = { readCall, refuseEvents }
