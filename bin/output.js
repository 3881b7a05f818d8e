'use strict'

const { harmless, harmlessJson } = require('../lib/harmless.js')
const { OpenCodeError, wordsOf } = require('../lib/opencode-error.js')
const { SEPARATOR } = require('../lib/separator.js')

/** Resolves when the text is on its way, so that a slow reader is waited for; also when nobody reads any more. */
function write(stdout, text) {
  return new Promise((resolve) => stdout.write(text, () => resolve()))
}

/** The answer as text: character for character into a pipe or a file, and made harmless for a terminal. */
function textOutput(stdout, progress) {
  let lastPart
  let lastText = '\n'
  const blankLine = () => (stdout.isTTY ? progress.joint() : SEPARATOR)
  return {
    async show(event) {
      progress.show(event)
      if (event.type !== 'text-delta' || event.parentSessionID !== undefined) return
      const { partID, delta } = event
      const joint = lastPart === undefined || lastPart === partID ? '' : blankLine()
      lastPart = partID
      lastText = joint + delta
      progress.makeWay(stdout.isTTY ? lastText : undefined)
      await write(stdout, stdout.isTTY ? harmless(lastText) : lastText)
    },
    async end() {
      if (stdout.isTTY && !lastText.endsWith('\n')) {
        progress.makeWay('\n')
        await write(stdout, '\n')
      }
    },
    async fail() {
      await this.end()
    },
  }
}

/** One event a line; a failure is one too, as in toResponse(). */
function jsonOutput(stdout) {
  const line = (value) => write(stdout, `${harmlessJson(value)}\n`)
  return {
    show: line,
    end: async () => {},
    fail: (error) =>
      line({
        type: 'error',
        error: error instanceof OpenCodeError ? error.toJSON() : { message: wordsOf(error) },
      }),
  }
}

module.exports = { textOutput, jsonOutput }
