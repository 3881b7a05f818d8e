'use strict'

const { OpenCode } = require('./lib/client.js')
const { OpenCodeError } = require('./lib/opencode-error.js')

function generateStream(prompt, options) {
  return OpenCode.default.generateStream(prompt, options)
}

function generate(prompt, options) {
  return OpenCode.default.generate(prompt, options)
}

function generateJson(prompt, options) {
  return OpenCode.default.generateJson(prompt, options)
}

function health(options) {
  return OpenCode.default.health(options)
}

module.exports = { generateStream, generate, generateJson, health, OpenCode, OpenCodeError }
