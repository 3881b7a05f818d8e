'use strict'

const { inspect } = require('node:util')
const { OpenCodeError, wordsOf } = require('./opencode-error.js')

const LONGEST_SHOWN = 80

/** `subject` names the option or the environment variable, `problem` continues the sentence. */
function invalid(subject, problem, hint, cause) {
  return new OpenCodeError(`${subject} ${problem}`, {
    code: 'ERR_OPENCODE_INVALID_OPTION',
    hint,
    cause,
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
    const meant = require('./did-you-mean.js').closest(key, known)
    const hint = meant ? `Did you mean \`${meant}\`?` : `Known are: ${known.join(', ')}.`
    throw invalid(
      `Unknown key \`${shortened(key)}\``,
      `in ${place}, with the value ${kindOf(value[key])}`,
      hint,
    )
  }
}

/** An object of keys; arrays, class instances and functions are a caller's mistake. */
function isPlainObject(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** What `value` is, for a message. It calls nothing of the value's own. */
function show(value) {
  if (typeof value === 'string') return shortened(JSON.stringify(shortened(value)))
  try {
    return shortened(inspect(value, { depth: 0, breakLength: Infinity, customInspect: false }))
  } catch {
    return `a value of type ${typeof value}`
  }
}

function shortened(text) {
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text
}

/**
 * Calls `read`, which looks at what the caller passed. A getter, a proxy or a `toJSON` of theirs may throw there: that
 * is an error of ours too, which names `subject`.
 */
function reading(subject, read) {
  try {
    return read()
  } catch (error) {
    if (error instanceof OpenCodeError) throw error
    throw invalid(subject, `cannot be read: ${wordsOf(error)}`, 'Pass plain values, without getters.', error)
  }
}

/** The own values of a plain object, each read once; undefined for anything else. Nothing is inherited by it. */
function snapshot(value) {
  return isPlainObject(value) ? { __proto__: null, ...value } : undefined
}

function kindOf(value) {
  if (value === null) return 'null'
  if (value === '') return 'an empty string'
  if (Array.isArray(value)) return 'an array'
  const kind = typeof value
  return kind === 'undefined' ? kind : `${kind === 'object' ? 'an' : 'a'} ${kind}`
}

module.exports = {
  invalid,
  wrongValue,
  wrongSecret,
  refuseUnknownKeys,
  isPlainObject,
  snapshot,
  reading,
  show,
  kindOf,
}
