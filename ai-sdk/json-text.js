'use strict'

const { OpenCodeError, wordsOf } = require('../lib/opencode-error.js')

/** What a turn or a caller holds as JSON; V8 writes none of what is too deep, too long or a circle. */
function jsonText(value, accepted = true) {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw new OpenCodeError(
      `A part of the conversation cannot be written as JSON: ${wordsOf(cause).split('\n', 1)[0]}`,
      {
        code: accepted ? 'ERR_OPENCODE_LIMIT' : 'ERR_OPENCODE_INVALID_OPTION',
        hint: accepted ? 'The session in OpenCode has all of it.' : 'Pass plain JSON.',
        cause,
        accepted,
      },
    )
  }
}

module.exports = { jsonText }
