'use strict'

// Started by leftovers.js beside every process that uses the kit. Ends by itself with the end of its input.

const { createInterface } = require('node:readline')
const { clear } = require('./leftovers.js')

const entries = new Map()

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, cleared, ...entry } = parsed(line)
    if (cleared) entries.delete(id)
    else if (id) entries.set(id, entry)
  })
  .on('close', () => {
    for (const entry of [...entries.values()].reverse()) clear(entry)
  })

/** Nothing, for a line that the death of its writer cut off. */
function parsed(line) {
  try {
    return JSON.parse(line)
  } catch {
    return {}
  }
}
