'use strict'

// A step is a plain frozen object; what it does on the wire is decided in play.js.

const asTokens = (tokens) => (Array.isArray(tokens) ? [...tokens] : [tokens])

function text(tokens, { pace = 0, gate } = {}) {
  return Object.freeze({ type: 'text', tokens: asTokens(tokens), pace, gate })
}

function reasoning(tokens, { pace = 0, gate } = {}) {
  return Object.freeze({ type: 'reasoning', tokens: asTokens(tokens), pace, gate })
}

function toolCall(name, args = {}, { id } = {}) {
  // A string goes out as it is: that is how a test scripts arguments that are not JSON.
  const json = typeof args === 'string' ? args : JSON.stringify(args)
  return Object.freeze({ type: 'tool-call', name, arguments: json, id })
}

function pause(ms) {
  return Object.freeze({ type: 'pause', ms })
}

function fail(status, { message = `Scripted failure ${status}`, headers = {}, body } = {}) {
  const error = { message, type: 'scripted_failure', code: status }
  return Object.freeze({ type: 'fail', status, error, headers, body })
}

function cut() {
  return Object.freeze({ type: 'cut' })
}

function hang() {
  return Object.freeze({ type: 'hang' })
}

function finish(reason) {
  return Object.freeze({ type: 'finish', reason })
}

function usage(tokens) {
  return Object.freeze({ type: 'usage', tokens: { ...tokens } })
}

module.exports = { text, reasoning, toolCall, pause, fail, cut, hang, finish, usage }
