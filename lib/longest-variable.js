'use strict'

/** Bytes that a system takes as one environment variable: of Linux MAX_ARG_STRLEN, with name, `=` and the NUL at its end. */
const LONGEST_VARIABLE = process.platform === 'win32' ? 32_767 : 128 * 1024

/** How many bytes the value of the variable `name` may have. */
function longestValue(name) {
  return LONGEST_VARIABLE - Buffer.byteLength(name) - 2
}

module.exports = { longestValue }
