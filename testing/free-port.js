'use strict'

const { randomInt } = require('node:crypto')
const { createServer } = require('node:net')

// Left to itself (`--port 0`) OpenCode takes 4096 whenever that is free: the very port at which a client without
// a server address looks for the user's own. Below 32768 no system hands out ports of its own accord.
async function freePort() {
  for (;;) {
    const port = randomInt(20_000, 32_768)
    if (await isFree(port)) return port
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

module.exports = { freePort }
