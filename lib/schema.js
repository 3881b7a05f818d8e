'use strict'

const { invalid, isPlainObject, kindOf } = require('./invalid-option.js')

const HINT =
  'Pass a JSON Schema as an object, or a schema of zod, valibot, arktype or another library of Standard Schema.'
const TARGET = 'draft-2020-12'

/**
 * The option `schema`: `{ json, check }`. `json` is the JSON Schema to tell the model, or undefined where the
 * library has none. `check(value)` resolves with `{ value }` or with `{ issues: [{ message, path }] }`.
 */
function readSchema(schema, subject) {
  const standard = schema['~standard']
  if (standard !== undefined) {
    if (typeof standard?.validate === 'function') return ofStandardSchema(standard)
    throw invalid(subject, 'has a `~standard` without `validate`, so it is no Standard Schema', HINT)
  }
  if (isPlainObject(schema)) return ofJsonSchema(schema, subject)
  throw invalid(subject, `is ${kindOf(schema)}, but must be a schema`, HINT)
}

function ofStandardSchema(standard) {
  return {
    json: describe(standard),
    async check(value) {
      const outcome = await standard.validate(value)
      if (typeof outcome !== 'object' || outcome === null) {
        throw invalid('Option `schema`', `has a \`validate\` that returned ${kindOf(outcome)}`, HINT)
      }
      const { issues, value: output } = outcome
      if (!issues) return { value: output }
      return { issues: issues.map(({ message, path }) => ({ message, path: (path ?? []).map(keyOf) })) }
    },
  }
}

/** Not every library says its schemas as JSON Schema, nor every schema. */
function describe({ jsonSchema }) {
  try {
    return jsonSchema?.input({ target: TARGET })
  } catch {
    return undefined
  }
}

/** A symbol has no JSON, and cannot be told a model. */
function keyOf(segment) {
  const key = typeof segment === 'object' ? segment.key : segment
  return typeof key === 'symbol' ? String(key) : key
}

function ofJsonSchema(schema, subject) {
  // Loaded when it is needed: it is larger than all the rest.
  const { Draft07, Draft2019, Draft2020, addFormats } = require('./vendor/ajv.js')
  const dialect = typeof schema.$schema === 'string' ? schema.$schema : ''
  const Ajv = /draft-0[67]/.test(dialect) ? Draft07 : dialect.includes('2019-09') ? Draft2019 : Draft2020
  const ajv = new Ajv({ allErrors: true, strict: false, logger: false })
  addFormats(ajv)
  let validate
  try {
    validate = ajv.compile(schema)
  } catch (error) {
    const reason = error instanceof RangeError ? 'it refers to itself' : error.message
    throw invalid(subject, `is no valid JSON Schema: ${reason}`, HINT)
  }
  return {
    json: schema,
    async check(value) {
      const errors = await errorsOf(validate, value)
      if (!errors) return { value }
      return { issues: errors.map(({ message, instancePath }) => ({ message, path: keysOf(instancePath) })) }
    },
  }
}

/** What is wrong, if anything. A schema with `$async` tells it by throwing. */
async function errorsOf(validate, value) {
  if (!validate.schema?.$async) return validate(value) ? null : validate.errors
  try {
    await validate(value)
    return null
  } catch (error) {
    if (!Array.isArray(error.errors)) throw error
    return error.errors
  }
}

function keysOf(pointer) {
  const keys = pointer.split('/').slice(1)
  return keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
}

module.exports = { readSchema }
