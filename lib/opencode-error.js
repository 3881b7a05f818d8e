'use strict'

const { isNativeError } = require('node:util/types')
const { harmless } = require('./harmless.js')

const { defineProperty } = Object

/** Shared by every copy of this package in a process, so that each recognises the others' errors. */
const BRAND = Symbol.for('opencode-stream.OpenCodeError')

const OPTIONAL_DETAILS = ['sessionID', 'status', 'exitCode', 'stderr', 'data', 'usage', 'cost']

class OpenCodeError extends Error {
  /** @param {string} message what happened @param {object} details `code` and whatever else is known */
  constructor(message, { code, hint, cause, accepted = 'unknown', retryable = false, ...rest }) {
    super(harmless(`${message ?? ''}`), cause == null ? undefined : { cause: harmlessCause(cause) })
    this.code = code
    this.accepted = accepted
    this.retryable = retryable
    for (const name of OPTIONAL_DETAILS) {
      if (rest[name] != null) this[name] = rest[name]
    }
    if (hint != null) this.#tell(harmless(`${hint}`))
    this.stack = headline(this) + framesOf(this)
  }

  static [Symbol.hasInstance](value) {
    // A subclass means itself: only the base class speaks for all copies of the package.
    // biome-ignore lint/complexity/noThisInStatic: `this` is the class on the right of instanceof
    if (this !== OpenCodeError) return Function.prototype[Symbol.hasInstance].call(this, value)
    try {
      return typeof value === 'object' && value !== null && value[BRAND] === true
    } catch {
      // A proxy of somebody's.
      return false
    }
  }

  get [BRAND]() {
    return true
  }

  toJSON() {
    const { name, code, message, hint, accepted, retryable, cause } = this
    const json = { name, code, message, hint, accepted, retryable }
    for (const detail of OPTIONAL_DETAILS) json[detail] = this[detail]
    if (cause != null) json.cause = wordsOf(cause)
    return json
  }

  /** The hint stands in the stack, which every log prints; enumerable, it would be printed twice. */
  #tell(hint) {
    defineProperty(this, 'hint', { value: hint, enumerable: false, writable: true, configurable: true })
  }
}

defineProperty(OpenCodeError.prototype, 'name', {
  value: 'OpenCodeError',
  writable: true,
  configurable: true,
})

function headline({ name, code, message, hint }) {
  const first = `${name} [${code}]: ${message}`
  return hint === undefined ? first : `${first}\n  hint: ${hint}`
}

function framesOf({ stack }) {
  const start = typeof stack === 'string' ? stack.search(/\n\s+at /) : -1
  return start === -1 ? '' : stack.slice(start)
}

/**
 * The error for a failure that native code handed over as a value. Its stack is that of the user's
 * call: the place where the failure arrived is a callback of ours and would tell nobody anything.
 */
function errorFromFailure({ message, cause, ...details }, call) {
  const error = new OpenCodeError(message, {
    ...details,
    cause: cause == null ? undefined : causeFrom(cause),
  })
  if (call) error.stack = headline(error) + framesOf(call)
  return error
}

/** The words of whatever was thrown, which may be anything. */
function wordsOf(thrown) {
  try {
    return String(thrown?.message ?? thrown)
  } catch {
    return 'something that has no words'
  }
}

/** Node prints a cause as it is: one whose words a terminal would obey is replaced by its words made harmless. */
function harmlessCause(cause) {
  if (!isNativeError(cause)) return cause
  const words = wordsOf(cause)
  return harmless(words) === words ? cause : causeFrom(harmless(words))
}

function causeFrom(message) {
  const cause = new Error(message)
  cause.stack = `Error: ${message}`
  return cause
}

/** The stack as it is above `outermost`, kept until a failure needs it. */
function callSite(outermost) {
  const site = {}
  Error.captureStackTrace(site, outermost)
  return site
}

module.exports = { OpenCodeError, errorFromFailure, callSite, wordsOf }
