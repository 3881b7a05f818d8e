'use strict'

const { readAnswer } = require('./json-answer.js')
const { errorFromFailure } = require('./opencode-error.js')

const DEFAULT_RETRIES = 2
/** So many of them tell a model what is wrong; a wrong answer can have thousands. */
const MOST_ISSUES = 20

/**
 * Asks for a value that fits `settings.schema`, and again, with what was wrong, while it does not.
 * `attempt(prompt, settings)` starts a turn: it throws at once what the options are to blame for, and
 * resolves with its result.
 */
function generateJson(attempt, prompt, settings, site) {
  const { schema, jsonRetries = DEFAULT_RETRIES, ...rest } = settings
  const json = { schema: schema.json ?? null, instruction: instructionFor(schema) }
  const deadline = rest.timeouts?.total === undefined ? undefined : performance.now() + rest.timeouts.total
  const first = attempt(prompt, { ...rest, json })
  const retry = (result, issues) => {
    const total =
      deadline === undefined ? {} : { total: Math.max(1, Math.ceil(deadline - performance.now())) }
    const timeouts = { ...rest.timeouts, ...total }
    return attempt(...again({ prompt, result, issues }, { ...rest, json, timeouts }))
  }
  return settle(first, { schema, retry, retries: jsonRetries, site })
}

async function settle(first, { schema, retry, retries, site }) {
  let result = await first
  for (let left = retries; ; left--) {
    const { value, issues } = await judge(result, schema)
    if (!issues) return { ...result, value }
    if (left === 0 || result.finishReason === 'rejected' || result.finishReason === 'abort') {
      throw noJson(result, issues, site)
    }
    result = withTotals(await retry(result, issues), result)
  }
}

async function judge(result, schema) {
  const answer = result.structured === undefined ? readAnswer(result) : { value: result.structured }
  return answer.issue ? { issues: [answer.issue] } : schema.check(answer.value)
}

function instructionFor({ json }) {
  const only = 'and nothing else: no explanation, no code fence.'
  if (json === undefined) return `Answer with one JSON value, ${only}`
  return `Answer with one JSON value that is valid against this JSON Schema, ${only}\n\n${JSON.stringify(json)}`
}

/** The next attempt: in the same session, or, where that one is deleted, with all that was said. */
function again({ prompt, result, issues }, settings) {
  const wrong = `Your answer was wrong:\n${list(issues)}\nAnswer again.`
  if (settings.ephemeral) {
    const parts = typeof prompt === 'string' ? [{ type: 'text', text: prompt }] : prompt
    const before = `Your answer to this was:\n${answerOf(result)}\n\n${wrong}`
    return [[...parts, { type: 'text', text: before }], settings]
  }
  const { files, title, continue: newest, fork, ...same } = settings
  return [wrong, { ...same, sessionID: result.sessionID }]
}

function answerOf({ structured, text }) {
  return structured === undefined ? text : JSON.stringify(structured)
}

function list(issues) {
  const lines = issues
    .slice(0, MOST_ISSUES)
    .map(({ message, path }) => `- ${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`)
  if (issues.length > MOST_ISSUES) lines.push(`- and ${issues.length - MOST_ISSUES} more`)
  return lines.join('\n')
}

/** What all attempts cost; the rest is the last one's. */
function withTotals(result, before) {
  const usage = Object.fromEntries(
    Object.keys(result.usage).map((kind) => [kind, result.usage[kind] + before.usage[kind]]),
  )
  return {
    ...result,
    usage,
    cost: result.cost + before.cost,
    asks: [...before.asks, ...result.asks],
    reconnects: before.reconnects + result.reconnects,
    discarded: before.discarded + result.discarded,
  }
}

function noJson(result, issues, site) {
  const rejected = result.finishReason === 'rejected'
  const failure = {
    code: 'ERR_OPENCODE_JSON',
    message: rejected
      ? 'The turn ended without an answer, since an ask of the agent was rejected'
      : `No answer was valid for the schema: ${list(issues.slice(0, 1)).slice(2)}`,
    hint: rejected
      ? 'Allow what it needs with `permission` or `question`, or switch the tool off with `tools`.'
      : 'error.data.text is the last answer and error.data.issues what is wrong with it; say more in the prompt, or raise `jsonRetries`.',
    accepted: true,
    sessionID: result.sessionID,
    data: { text: answerOf(result), issues },
  }
  return errorFromFailure(failure, site)
}

module.exports = { generateJson }
