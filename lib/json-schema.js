'use strict'

/** A function from a value to what is wrong with it: `[{ message, path }]`, or null. Throws for a wrong schema. */
function validatorOf(schema) {
  // Loaded when it is needed: it is larger than all the rest.
  const { Draft07, Draft2019, Draft2020, addFormats } = require('./vendor/ajv.js')
  const dialect = typeof schema.$schema === 'string' ? schema.$schema : ''
  const Ajv = /draft-0[67]/.test(dialect) ? Draft07 : dialect.includes('2019-09') ? Draft2019 : Draft2020
  const ajv = new Ajv({ allErrors: true, strict: false, logger: false })
  addFormats(ajv)
  const validate = ajv.compile(schema)
  return schema.$async
    ? async (value) => issuesOf(await errorsOf(validate, value))
    : (value) => issuesOf(validate(value) ? null : validate.errors)
}

/** A schema with `$async` tells what is wrong by throwing. */
async function errorsOf(validate, value) {
  try {
    await validate(value)
    return null
  } catch (error) {
    if (!Array.isArray(error.errors)) throw error
    return error.errors
  }
}

function issuesOf(errors) {
  return errors?.map(({ message, instancePath }) => ({ message, path: keysOf(instancePath) }))
}

function keysOf(pointer) {
  const keys = pointer.split('/').slice(1)
  return keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
}

module.exports = { validatorOf }
