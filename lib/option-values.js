'use strict'

// Each function here makes a reader: (value, subject) => the normalised value, or an error thrown
// that names `subject`, shows the value, and hints at `hint`.

const {
  invalid,
  wrongValue,
  wrongSecret,
  refuseUnknownKeys,
  reading,
  snapshot,
  show,
  kindOf,
} = require('./invalid-option.js')
const { plainJson } = require('./plain-json.js')

/** Beyond this, timers (Node's and most others') overflow: 24.8 days. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

function text(hint) {
  return (value, subject) => {
    if (typeof value === 'string' && value.trim() !== '') return value
    throw wrongValue(subject, value, 'a non-empty string', hint)
  }
}

function anyText(hint) {
  return (value, subject) => {
    if (typeof value === 'string') return value
    throw wrongValue(subject, value, 'a string', hint)
  }
}

function secret(hint) {
  return (value, subject) => {
    if (typeof value === 'string') return value
    throw wrongSecret(subject, value, 'a string', hint)
  }
}

function yesOrNo(value, subject) {
  if (typeof value === 'boolean') return value
  throw wrongValue(subject, value, 'true or false', 'Pass true, false, or leave it out.')
}

/** One of `choices`; functions go to `callback`, where the option has such a form. */
function oneOf(choices, { callback } = {}) {
  const list = choices.map((choice) => `'${choice}'`).join(', ') + (callback ? ', or a function' : '')
  return (value, subject) => {
    if (choices.includes(value)) return value
    if (callback && typeof value === 'function') return value
    const meant = typeof value === 'string' ? require('./did-you-mean.js').closest(value, choices) : undefined
    throw wrongValue(
      subject,
      value,
      `one of ${list}`,
      meant ? `Did you mean '${meant}'?` : `Pass one of ${list}.`,
    )
  }
}

function milliseconds({ mayBeInfinite = false } = {}) {
  const none = mayBeInfinite ? ', or Infinity for none' : ''
  const hint = `Pass milliseconds, at most ${LONGEST_TIMEOUT}${none}.`
  return (value, subject) => {
    if (mayBeInfinite && value === Infinity) return value
    if (typeof value === 'number' && value > 0 && value <= LONGEST_TIMEOUT) return Math.ceil(value)
    throw wrongValue(subject, value, 'a number of milliseconds greater than 0', hint)
  }
}

function bytes(value, subject) {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw wrongValue(
    subject,
    value,
    'a whole number of bytes greater than 0',
    'Pass bytes, e.g. 64 * 1024 * 1024.',
  )
}

function count(hint) {
  return (value, subject) => {
    if (Number.isSafeInteger(value) && value >= 0) return value
    throw wrongValue(subject, value, 'a whole number, 0 or more', hint)
  }
}

/** An object whose keys are those of `readers`; absent values are left out. */
function record(readers, { number } = {}) {
  const known = Object.keys(readers)
  return (value, subject, path) => {
    if (number && typeof value === 'number') return { [number]: readers[number](value, subject) }
    const values = snapshot(value)
    if (values === undefined) {
      throw wrongValue(subject, value, 'an object', `Pass an object with some of: ${known.join(', ')}.`)
    }
    refuseUnknownKeys(values, known, `\`${path}\``)
    return readAll(readers, values, (key) => `Option \`${path}.${key}\``)
  }
}

/** `values` is a snapshot. What comes out inherits nothing: a polluted `Object.prototype` sets no option. */
function readAll(readers, values, subjectOf) {
  const read = { __proto__: null }
  for (const key of Object.keys(values)) {
    if (values[key] == null) continue
    read[key] = reading(subjectOf(key), () => readers[key](values[key], subjectOf(key), key))
  }
  return read
}

/** An object from any name to what `reader` accepts. */
function dictionary(reader, hint) {
  return (value, subject, path) => {
    const values = snapshot(value)
    if (values === undefined) throw wrongValue(subject, value, 'an object', hint)
    const read = { __proto__: null }
    for (const [key, each] of Object.entries(values)) {
      if (!key.isWellFormed()) throw invalid(subject, `has ${show(key)}, a name with half a character`, hint)
      if (each != null) read[key] = reader(each, `Option \`${path}.${key}\``)
    }
    return read
  }
}

/** The environment of what we start: names and values that a system can pass on. */
function environment(hint) {
  const read = dictionary(secret(hint), hint)
  return (value, subject, path) => {
    const { longestValue } = require('./longest-variable.js')
    const variables = read(value, subject, path)
    for (const [name, content] of Object.entries(variables)) {
      if (name === '' || /[=\0]/.test(name)) {
        throw invalid(subject, `has ${show(name)}, which no variable can be named`, hint)
      }
      const size = Buffer.byteLength(content)
      if (size > longestValue(name)) {
        const problem = `is ${size} bytes, but the system passes on at most ${longestValue(name)}`
        throw invalid(`Option \`${path}.${name}\``, problem, 'Put it into a file, and pass its path.')
      }
      if (content.includes('\0')) {
        throw invalid(`Option \`${path}.${name}\``, 'holds a NUL, which ends a variable', hint)
      }
    }
    return variables
  }
}

/** An object that goes to OpenCode as JSON, as it is at the call. */
function jsonObject(hint) {
  return (value, subject) => {
    if (snapshot(value) === undefined) throw wrongValue(subject, value, 'an object', hint)
    const json = plainJson(value, subject, hint)
    if (snapshot(json) === undefined) throw wrongValue(subject, json, 'an object', hint)
    return json
  }
}

/** A path, or a name, that a system can look up. */
function fileName(hint) {
  const read = text(hint)
  return (value, subject) => {
    if (!read(value, subject).includes('\0')) return value
    throw wrongValue(subject, value, 'without a NUL', hint)
  }
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
/** What frames a request or manages its connection, and what we set for each request ourselves. */
const FRAMING =
  /^(accept(-encoding)?|connection|content-.*|expect|host|http2-settings|keep-alive|proxy-.*|te|trailers?|transfer-encoding|upgrade|x-opencode-directory)$/i

/** Names come out in lower case, so that defaults and a call's own headers meet. Values are never shown. */
function headers(value, subject) {
  const hint = "Pass an object of strings, e.g. { 'x-request-id': '42' }."
  const values = snapshot(value)
  if (values === undefined) throw wrongSecret(subject, value, 'an object of strings', hint)
  const read = { __proto__: null }
  for (const name of Object.keys(values)) {
    if (values[name] == null) continue
    if (!HEADER_NAME.test(name))
      throw invalid(subject, `has ${show(name)}, which no header can be named`, hint)
    const place = `Option \`headers['${name}']\``
    if (FRAMING.test(name)) {
      throw invalid(
        place,
        'is set for each request here',
        'Leave it out; headers of your own may have any other name.',
      )
    }
    if (typeof values[name] !== 'string') throw wrongSecret(place, values[name], 'a string', hint)
    if (!HEADER_VALUE.test(values[name])) {
      throw invalid(
        place,
        'has a line break or another character that no header may carry',
        'Encode the value first.',
      )
    }
    if (Object.hasOwn(read, name.toLowerCase()))
      throw invalid(place, 'is given twice, in different capitals', 'Keep one of them.')
    read[name.toLowerCase()] = values[name]
  }
  return read
}

function abortSignal(value, subject) {
  const fits =
    typeof value === 'object' &&
    typeof value.aborted === 'boolean' &&
    typeof value.addEventListener === 'function' &&
    typeof value.removeEventListener === 'function'
  if (fits) return value
  const hint = 'Pass the `signal` of an AbortController, or AbortSignal.timeout(ms).'
  throw invalid(subject, `is ${kindOf(value)}, but must be an AbortSignal`, hint)
}

module.exports = {
  abortSignal,
  anyText,
  bytes,
  count,
  dictionary,
  environment,
  fileName,
  headers,
  jsonObject,
  milliseconds,
  oneOf,
  readAll,
  record,
  secret,
  text,
  yesOrNo,
}
