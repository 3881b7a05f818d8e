'use strict'

const { readAnswer } = require('./json-answer.js')
const { invalid } = require('./invalid-option.js')
const { OpenCodeError, errorFromFailure, wordsOf } = require('./opencode-error.js')
const { Patience } = require('./patience.js')
const { isDeeper } = require('./plain-json.js')

const DEFAULT_RETRIES = 2
/** So many of them tell a model what is wrong; a wrong answer can have thousands. */
const MOST_ISSUES = 20
const LONGEST_ISSUE = 500

/**
 * Asks for a value that fits `settings.schema`, and again, with what was wrong, while it does not.
 * `attempt(prompt, settings)` starts a turn: it throws at once what the options are to blame for, and
 * resolves with its result. `call`: { running, site }, the client's set of what runs and the user's call.
 */
function generateJson(attempt, prompt, settings, call) {
  const { schema, jsonRetries: retries = DEFAULT_RETRIES, ...rest } = settings
  const json = { schema: schema.json ?? null, instruction: instructionFor(schema) }
  const patience = new Patience(rest, call)
  const first = attempt(prompt, { ...rest, json })
  const retry = async (result, issues) => {
    const timeouts = { ...rest.timeouts, ...patience.left }
    try {
      return await attempt(...again({ prompt, result, issues }, { ...rest, json, timeouts }))
    } catch (error) {
      throw error instanceof OpenCodeError ? patience.ofLater(error, result) : error
    }
  }
  return settle(first, { schema, retry, retries, patience, site: call.site })
}

async function settle(first, { schema, retry, retries, patience, site }) {
  let result = await first
  for (let left = retries; ; left--) {
    const { value, issues } = await patience.for((time) => judge(result, schema, time), result)
    if (!issues) return { ...result, value }
    if (left === 0 || result.finishReason === 'rejected' || result.finishReason === 'abort') {
      throw noJson(result, issues, site)
    }
    result = withTotals(await retry(result, issues), result)
  }
}

/** What is longer, in characters, or deeper, in levels, no schema gets to see: it could take all memory or stack. */
const LONGEST_ANSWER = 4 * 1024 * 1024
const DEEPEST_ANSWER = 500
const TOO_LONG = {
  issue: { message: `the answer is longer than ${LONGEST_ANSWER} characters`, path: [] },
}
const TOO_DEEP = {
  issue: { message: `the answer is nested deeper than ${DEEPEST_ANSWER} levels`, path: [] },
}

async function judge(result, schema, time) {
  const answer = answerIn(result)
  if (answer.issue) return { issues: [answer.issue] }
  try {
    return await schema.check(answer.value, time)
  } catch (error) {
    throw ofTheSchema(error, result)
  }
}

/** `{ value }`, or `{ issue }`. */
function answerIn(result) {
  const { text, structured } = result
  if (text.length > LONGEST_ANSWER) return TOO_LONG
  const answer = structured === undefined ? readAnswer(result) : { value: structured }
  if (isDeeper(answer.value, DEEPEST_ANSWER)) return TOO_DEEP
  return structured !== undefined && JSON.stringify(structured).length > LONGEST_ANSWER ? TOO_LONG : answer
}

/** The mistake is in an option, and yet the prompt had been taken. */
function ofTheSchema(thrown, { sessionID }) {
  const error =
    thrown instanceof OpenCodeError
      ? thrown
      : invalid(
          'Option `schema`',
          `failed at the answer: ${wordsOf(thrown)}`,
          'Return `issues` instead.',
          thrown,
        )
  error.accepted = true
  error.sessionID = sessionID
  return error
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
  return structured === undefined ? text : safeJson(structured)
}

/** What is too deep to be written down is no answer that could be shown to anybody. */
function safeJson(value) {
  return isDeeper(value, DEEPEST_ANSWER) ? '' : JSON.stringify(value)
}

function list(issues) {
  const lines = issues
    .slice(0, MOST_ISSUES)
    .map(({ message, path }) => `- ${shortened(`${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`)}`)
  if (issues.length > MOST_ISSUES) lines.push(`- and ${issues.length - MOST_ISSUES} more`)
  return lines.join('\n')
}

function shortened(line) {
  return line.length > LONGEST_ISSUE ? `${line.slice(0, LONGEST_ISSUE)}…` : line
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
    usage: result.usage,
    cost: result.cost,
  }
  return errorFromFailure(failure, site)
}

module.exports = { generateJson }
