'use strict'

const { readRecording } = require('./recording.js')
const { ReplayedTurn } = require('./replayed-turn.js')

const OPTIONS = new Set(['speed', 'signal'])

/** The stream of a turn that was recorded, with no OpenCode behind it. */
function replayStream(file, { speed, ...options } = {}) {
  for (const name of Object.keys(options)) {
    if (!OPTIONS.has(name))
      throw new TypeError(`replayStream() has no option \`${name}\`: it has speed and signal`)
  }
  if (speed !== undefined && !(speed > 0))
    throw new TypeError(`The speed of a replay is above 0, not ${speed}`)
  const recording = readRecording(file)
  // Only here: the rest of the kit works without the addon.
  const { OpenCode } = require('../lib/client.js')
  class Client {
    start = (_request, bell) => new ReplayedTurn(recording, { speed }, bell)
  }
  // A server that is named is looked up nowhere, and nothing is asked of this one.
  return new OpenCode({ mode: 'server', baseUrl: 'http://127.0.0.1' }, { Client }).generateStream(
    '(replayed)',
    options,
  )
}

module.exports = { replayStream }
