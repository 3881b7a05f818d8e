'use strict'

const { checkApart } = require('./check-apart.js')
const { invalid, isPlainObject, kindOf, reading } = require('./invalid-option.js')
const { validatorOf } = require('./json-schema.js')
const { plainJson } = require('./plain-json.js')
const { withinTime } = require('./within-time.js')

const HINT =
  'Pass a JSON Schema as an object, or a schema of zod, valibot, arktype or another library of Standard Schema.'
const TARGET = 'draft-2020-12'
/** Milliseconds of the main thread for one check of a JSON Schema; one that takes longer goes to a thread of its own. */
const MAIN_THREAD = 50

/**
 * The option `schema`: `{ json, check }`. `json` is the JSON Schema to tell the model, or undefined where the library
 * has none. `check(value, { signal, milliseconds })` resolves with `{ value }`, with `{ issues: [{ message, path }] }`,
 * or with `{ isLate: true }` where it blocked the thread for `milliseconds`.
 */
function readSchema(schema, subject) {
  const standard = schema['~standard']
  if (standard !== undefined) {
    if (typeof standard?.validate === 'function') return ofStandardSchema(standard, subject)
    throw invalid(subject, 'has a `~standard` without `validate`, so it is no Standard Schema', HINT)
  }
  if (isPlainObject(schema)) return ofJsonSchema(plainJson(schema, subject, HINT), subject)
  throw invalid(subject, `is ${kindOf(schema)}, but must be a schema`, HINT)
}

function ofStandardSchema(standard, subject) {
  return {
    json: describe(standard, subject),
    async check(value, { milliseconds }) {
      const called = withinTime(milliseconds, () => standard.validate(value))
      if (called.isLate) return called
      const outcome = await called.value
      return reading('What `validate` of the option `schema` returned', () => readOutcome(outcome))
    },
  }
}

/** Not every library says its schemas as JSON Schema, nor every schema. */
function describe({ jsonSchema }, subject) {
  try {
    return plainJson(jsonSchema?.input({ target: TARGET }), subject, HINT)
  } catch {
    return undefined
  }
}

function readOutcome(outcome) {
  if (typeof outcome !== 'object' || outcome === null) {
    throw invalid('Option `schema`', `has a \`validate\` that returned ${kindOf(outcome)}`, HINT)
  }
  const { issues, value } = outcome
  if (!issues) return { value }
  if (!Array.isArray(issues)) {
    throw invalid('Option `schema`', `has a \`validate\` whose \`issues\` are ${kindOf(issues)}`, HINT)
  }
  return { issues: Array.from(issues, readIssue) }
}

function readIssue(issue) {
  const { message, path } = Object(issue)
  return {
    message: typeof message === 'string' ? message : 'is not valid',
    path: Array.from(path ?? [], keyOf),
  }
}

/** A symbol has no JSON, and cannot be told a model. */
function keyOf(segment) {
  const key = typeof segment === 'object' && segment !== null ? segment.key : segment
  return typeof key === 'number' ? key : String(key)
}

function ofJsonSchema(schema, subject) {
  let validate
  try {
    validate = validatorOf(schema)
  } catch (error) {
    const reason = error instanceof RangeError ? 'it refers to itself' : error.message
    throw invalid(subject, `is no valid JSON Schema: ${reason}`, HINT)
  }
  return {
    json: schema,
    async check(value, time) {
      const checked = await checkWith(schema, validate, { value, time })
      if (checked.isLate) return checked
      return checked.value ? { issues: checked.value } : { value }
    },
  }
}

/**
 * `uniqueItems` compares all pairs, a `pattern` may backtrack for ever, and the answer comes from a model: what is not
 * checked in a moment is checked elsewhere.
 */
function checkWith(schema, validate, { value, time }) {
  if (schema.$async) return checkApart(schema, value, time)
  const checked = withinTime(MAIN_THREAD, () => validate(value))
  return checked.isLate ? checkApart(schema, value, time) : checked
}

module.exports = { readSchema }
