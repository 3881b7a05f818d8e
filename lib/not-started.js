'use strict'

const { OpenCodeError, wordsOf } = require('./opencode-error.js')

/** The error of native code that could not begin: it has no thread, or does not understand what lib/ asks. */
function notStarted(cause, what) {
  return new OpenCodeError(`${what}: ${wordsOf(cause)}`, {
    code: 'ERR_OPENCODE_ADDON',
    hint: 'Is the system out of threads or memory? Otherwise install opencode-stream again, all of one version.',
    cause,
    accepted: false,
  })
}

module.exports = { notStarted }
