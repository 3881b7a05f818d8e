'use strict'

const { readFileSync } = require('node:fs')
const { writeFile } = require('node:fs/promises')

// A recording is a file of lines, one StreamEvent each, as `opencode-stream --format json` prints them. Those that we
// write have `at` as well, in milliseconds since the recording began. The last line is `finish`, or `error`.

/** Reads the turn to its end, and writes it down only then: half a turn is no recording. */
async function recordTurn(stream, file) {
  const began = performance.now()
  const lines = []
  const note = (event) =>
    lines.push(`${JSON.stringify({ at: Math.round(performance.now() - began), ...event })}\n`)
  try {
    for await (const event of stream.events) note(event)
  } catch (error) {
    // Of what else is thrown here, such as the reason of a signal, the test itself is the source.
    if (!/^ERR_OPENCODE_/.test(error?.code) || error.code === 'ERR_OPENCODE_STREAM_CONSUMED') throw error
    note({ type: 'error', error: error.toJSON() })
  }
  await writeFile(file, lines.join(''))
}

/** `[{ at, event }]`; throws when the file is none of ours, or has no end. */
function readRecording(file) {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  const recording = lines.map((line, index) => readLine(line, `${file}:${index + 1}`))
  const end = recording.at(-1)?.event.type
  if (end === 'finish' || end === 'error') return recording
  throw new TypeError(
    `${file} is not the recording of a whole turn: its last line is no 'finish' and no 'error'`,
  )
}

function readLine(line, place) {
  try {
    const { at = 0, ...event } = JSON.parse(line)
    if (typeof event.type === 'string') return { at, event }
  } catch {}
  throw new TypeError(`${place} is no event of a turn, one to a line, as recordTurn() writes them`)
}

module.exports = { recordTurn, readRecording }
