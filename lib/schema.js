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
      const { issues, value: output } = await standard.validate(value)
      if (!issues) return { value: output }
      return { issues: issues.map(({ message, path = [] }) => ({ message, path: path.map(keyOf) })) }
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

function keyOf(segment) {
  return typeof segment === 'object' ? segment.key : segment
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
    throw invalid(subject, `is no valid JSON Schema: ${error.message}`, HINT)
  }
  return {
    json: schema,
    async check(value) {
      if (await validate(value)) return { value }
      return {
        issues: validate.errors.map(({ message, instancePath }) => ({ message, path: keysOf(instancePath) })),
      }
    },
  }
}

function keysOf(pointer) {
  const keys = pointer.split('/').slice(1)
  return keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
}

module.exports = { readSchema }
