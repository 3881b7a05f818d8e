'use strict'

// What may leave for a browser. Errors are written for whoever runs the server: paths, what a process wrote to stderr,
// causes and OpenCode's own objects are nobody else's.

const { OpenCodeError } = require('./opencode-error.js')

/** Their words are about this machine: which file, which executable, which address. */
const ABOUT_THIS_MACHINE = new Set(
  [
    ...['ADDON', 'BAD_REQUEST', 'CLI_EXIT', 'CLI_NOT_FOUND', 'FILE', 'INVALID_OPTION', 'NOT_A_SERVER'],
    ...['SERVER_START', 'UNAUTHORIZED', 'UNREACHABLE', 'UNSUPPORTED_OPTION', 'UNSUPPORTED_VERSION'],
  ].map((name) => `ERR_OPENCODE_${name}`),
)
const UNSAID = 'The turn failed'

/** Absolute paths, in quotes or up to the next space. An address of the web and `a/b` are none. */
const QUOTED_PATH = /(['"`])(?:file:\/\/|[a-z]:[\\/]|\\\\|~?\/)[^'"`\n]*\1/gi
const PATH = /(?<![\w:/.~-])(?:file:\/\/|[a-z]:[\\/]|\\\\|~?\/)[^\s'"`<>,;]+/gi

/** The error as the data of an `event: error`. */
function publicError(error) {
  if (!(error instanceof OpenCodeError)) return { name: 'Error', message: wordsOfAbort(error) }
  const { name, code, message, hint, accepted, retryable, sessionID, status } = error
  const words = ABOUT_THIS_MACHINE.has(code)
    ? { message: 'OpenCode cannot be used' }
    : { message: withoutPaths(message), hint: hint && withoutPaths(hint) }
  return { name, code, ...words, accepted, retryable, sessionID, status }
}

/** Why the caller's own signal aborted, if that is in words made for it. Of other errors nobody knows what they tell. */
function wordsOfAbort(error) {
  if (typeof error === 'string') return withoutPaths(error)
  return error instanceof DOMException ? withoutPaths(error.message) : UNSAID
}

/** An event as it is, but for why a route was left: these are the words of an error. */
function publicEvent(event) {
  return event.type === 'fallback' ? { ...event, reason: 'it cannot be used' } : event
}

function withoutPaths(words) {
  return words.replace(QUOTED_PATH, '$1…$1').replace(PATH, '…')
}

module.exports = { publicError, publicEvent }
