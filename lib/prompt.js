'use strict'

const { invalid, wrongValue, reading, refuseUnknownKeys, snapshot, kindOf } = require('./invalid-option.js')

const HINT = "Pass a non-empty string, or an array of parts such as { type: 'text', text: 'Hello' }."

/** What each type of part must have, and may have. */
const PARTS = {
  text: { required: ['text'], optional: [] },
  file: { required: ['mime', 'url'], optional: ['filename'] },
  agent: { required: ['name'], optional: [] },
}

/** The prompt as OpenCode's part objects. A prompt's text is never shown in an error. */
function readPrompt(prompt) {
  return reading('The prompt', () => readParts(prompt))
}

function readParts(prompt) {
  const parts = typeof prompt === 'string' ? [{ type: 'text', text: prompt }] : prompt
  if (!Array.isArray(parts)) {
    throw invalid('The prompt', `is ${kindOf(prompt)}, but must be a string or an array of parts`, HINT)
  }
  // A hole of a sparse array is no part either.
  const read = Array.from(parts, readPart)
  if (read.every(isBlank)) {
    throw invalid('The prompt', parts.length === 0 ? 'has no parts' : 'is empty or only white space', HINT)
  }
  return read
}

function readPart(given, index) {
  const place = `Part ${index} of the prompt`
  const part = snapshot(given)
  if (part === undefined) throw invalid(place, `is ${kindOf(given)}, but must be an object`, HINT)
  const shape = Object.hasOwn(PARTS, part.type) ? PARTS[part.type] : undefined
  if (!shape) throw wrongValue(`${place}: \`type\``, part.type, "'text', 'file' or 'agent'", HINT)
  refuseUnknownKeys(part, ['type', ...shape.required, ...shape.optional], place.toLowerCase())
  const read = { type: part.type }
  for (const key of shape.required) read[key] = readField(part, key, place)
  for (const key of shape.optional) {
    if (part[key] != null) read[key] = readField(part, key, place)
  }
  return read
}

function readField(part, key, place) {
  const value = part[key]
  if (typeof value === 'string' && (value !== '' || key === 'text')) return value
  throw invalid(
    `${place}: \`${key}\``,
    `is ${kindOf(value)}, but must be a ${key === 'text' ? '' : 'non-empty '}string`,
    HINT,
  )
}

function isBlank(part) {
  return part.type === 'text' && part.text.trim() === ''
}

module.exports = { readPrompt }
