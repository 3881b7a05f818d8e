'use strict'

const { invalid } = require('./invalid-option.js')
const { wordsOf } = require('./opencode-error.js')

/** Native code reads 128 levels, and the request around a value has some of its own. */
const DEEPEST = 120

/**
 * A copy of `value` that is nothing but JSON, as `value` is now. Throws where it cannot be written as JSON (a BigInt, a
 * circle, a `toJSON` that throws), or is nested too deep.
 */
function plainJson(value, subject, hint) {
  const json = toJson(value, subject, hint)
  const copy = json === undefined ? undefined : JSON.parse(json)
  if (isDeeper(copy, DEEPEST)) throw invalid(subject, `is nested deeper than ${DEEPEST} levels`, hint)
  return copy
}

function toJson(value, subject, hint) {
  try {
    return wellFormed(JSON.stringify(value))
  } catch (cause) {
    // V8's own words about a circle are a drawing of several lines.
    throw invalid(subject, `cannot be written as JSON: ${wordsOf(cause).split('\n', 1)[0]}`, hint, cause)
  }
}

/** A lone half of an emoji, as slicing a string leaves it, has no UTF-8: it goes out as U+FFFD, in names too. */
function wellFormed(json) {
  if (!json?.includes('\\ud')) return json
  return json.replace(/\\(?:ud[\da-f]{3}|.)/g, (each) => (each.startsWith('\\ud') ? '\\ufffd' : each))
}

/** Returns `true` if JSON is nested deeper than `most` levels. Level by level, for recursion would overflow. */
function isDeeper(value, most) {
  let level = [value].filter(isObject)
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > most) return true
    level = level.flatMap((each) => Object.values(each).filter(isObject))
  }
  return false
}

function isObject(value) {
  return typeof value === 'object' && value !== null
}

module.exports = { isDeeper, plainJson, toJson }
