'use strict'

const { inspect } = require('node:util')
const { OpenCodeError } = require('./opencode-error.js')
const { closest } = require('./did-you-mean.js')

const LONGEST_SHOWN = 80

/** `subject` names the option or the environment variable, `problem` continues the sentence. */
function invalid(subject, problem, hint) {
  return new OpenCodeError(`${subject} ${problem}`, {
    code: 'ERR_OPENCODE_INVALID_OPTION',
    hint,
    accepted: false,
  })
}

function wrongValue(subject, value, expectation, hint) {
  return invalid(subject, `is ${show(value)}, but must be ${expectation}`, hint)
}

/** For passwords and the like: says what kind of thing came, never the thing. */
function wrongSecret(subject, value, expectation, hint) {
  return invalid(subject, `is ${kindOf(value)}, but must be ${expectation}`, hint)
}

/** Throws on the first key of `value` that is not one of `known`. */
function refuseUnknownKeys(value, known, place) {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue
    const meant = closest(key, known)
    const hint = meant ? `Did you mean \`${meant}\`?` : `Known are: ${known.join(', ')}.`
    throw invalid(`Unknown key \`${key}\``, `in ${place}, with the value ${kindOf(value[key])}`, hint)
  }
}

/** An object of keys; arrays, class instances and functions are a caller's mistake. */
function isPlainObject(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function show(value) {
  const text =
    typeof value === 'string' ? JSON.stringify(value) : inspect(value, { depth: 0, breakLength: Infinity })
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text
}

function kindOf(value) {
  if (value === null) return 'null'
  if (value === '') return 'an empty string'
  if (Array.isArray(value)) return 'an array'
  const kind = typeof value
  return kind === 'undefined' ? kind : `${kind === 'object' ? 'an' : 'a'} ${kind}`
}

module.exports = { invalid, wrongValue, wrongSecret, refuseUnknownKeys, isPlainObject, show, kindOf }
