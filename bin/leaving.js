'use strict'

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }
const SIGNALS = Object.keys(EXIT_CODES)

/**
 * The first signal calls `leave`, once, and sets the exit code; a second one does what signals do to a program that
 * does not know them. `forget()` gives the signals back.
 */
function onSignals(leave) {
  let hasCome = false
  const listener = (name) => {
    if (hasCome) {
      forget()
      return process.kill(process.pid, name)
    }
    hasCome = true
    leave(EXIT_CODES[name])
  }
  const forget = () => {
    for (const name of SIGNALS) process.off(name, listener)
  }
  for (const name of SIGNALS) process.on(name, listener)
  return forget
}

module.exports = { onSignals }
