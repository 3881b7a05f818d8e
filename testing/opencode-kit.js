'use strict'

const { existsSync, readdirSync } = require('node:fs')
const { join } = require('node:path')
const { removeFolder } = require('./leftovers.js')
const { scriptedModel } = require('./scripted-model.js')
const { clearSessions } = require('./sessions.js')
const { startOpenCode } = require('./start-opencode.js')

/** A real OpenCode and the scripted model it asks, for the tests of one file. */
class OpenCodeKit {
  model
  server
  directory
  options
  #ownDirectory

  constructor(model, server, { directory }) {
    this.model = model
    this.server = server
    this.directory = server.directory
    this.#ownDirectory = directory === undefined
    // With a user name too: one in the tester's own environment is not for this server.
    const { password } = server
    const credentials = password === undefined ? {} : { username: 'opencode', password }
    this.options = { mode: 'server', baseUrl: server.url, directory: server.directory, ...credentials }
  }

  async endTest() {
    try {
      await clearSessions(this.server)
      this.model.verify()
    } finally {
      this.model.reset()
      if (this.#ownDirectory) emptyFolder(this.directory)
    }
  }

  async close() {
    await this.server.stop()
    await this.model.close()
  }

  [Symbol.asyncDispose]() {
    return this.close()
  }
}

function emptyFolder(folder) {
  // A test that stopped the server removed it.
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) removeFolder(join(folder, name))
}

async function openCode({ fallback, title, model: fields, ...options } = {}) {
  const model = await scriptedModel({ fallback, title, model: fields })
  try {
    const server = await startOpenCode({ ...options, model })
    return new OpenCodeKit(model, server, options)
  } catch (error) {
    await model.close()
    throw error
  }
}

module.exports = { openCode }
