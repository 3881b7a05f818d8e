'use strict'

const { subscribe } = require('node:diagnostics_channel')
const { harmlessJson } = require('./harmless.js')

const MOMENTS = ['start', 'session', 'event', 'end']

/** OPENCODE_STREAM_LOG=debug: what is published, one line each, on stderr. */
function logAsAsked(level) {
  // Only now: the first look at it opens it, which takes milliseconds.
  const { stderr } = process
  if (level !== 'debug') {
    stderr.write(`opencode-stream: OPENCODE_STREAM_LOG is not 'debug', so nothing is logged\n`)
    return
  }
  for (const moment of MOMENTS) {
    subscribe(`opencode-stream:turn:${moment}`, (message) => stderr.write(`${line(moment, message)}\n`))
  }
}

function line(moment, { turn, duration, ...message }) {
  const time = new Date().toISOString().slice(11, 23)
  const after = duration === undefined ? '' : ` after ${duration.toFixed(0)} ms`
  return `${time} opencode-stream turn ${turn} ${moment}${after}${wordsOf(message)}`
}

/** `name=value`, what is unknown left out. JSON keeps a line break within a value from beginning a line. */
function wordsOf(message) {
  return Object.entries(message)
    .filter(([, value]) => value != null)
    .map(([name, value]) => ` ${name}=${/^[\w./:-]+$/.test(value) ? value : harmlessJson(value)}`)
    .join('')
}

module.exports = { logAsAsked }
