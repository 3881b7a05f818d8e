'use strict'

// How each generation of OpenCode is started as a server, and how it says that it is ready.

const { randomBytes } = require('node:crypto')
const { freePort } = require('./free-port.js')

const SERVE = {
  1: {
    async command({ port, args = [], password }) {
      const words = ['serve', '--hostname=127.0.0.1', `--port=${port ?? (await freePort())}`, ...args]
      return { words, password, stdin: 'ignore' }
    },
    url: (stdout) => /^opencode server listening on (http:\/\/\S+)/m.exec(stdout)?.[1],
    awaited: 'no "listening" line',
  },
  2: {
    // It ends with us: by the pipe that closes. A password it always has, and with --stdio never prints.
    async command({ port = 0, args = [], password = randomBytes(16).toString('hex') }) {
      return { words: ['serve', '--stdio', `--port=${port}`, ...args], password, stdin: 'pipe' }
    },
    url: (stdout) => /^\{"url":"(http:[^"]+)"/m.exec(stdout)?.[1],
    awaited: 'no line with its URL',
  },
}

module.exports = { SERVE }
