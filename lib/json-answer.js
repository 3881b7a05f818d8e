'use strict'

/** The only fenced block of an answer. */
const FENCED = /^[^`]*```(?:json)?[ \t]*\r?\n([^`]*(?:`{1,2}[^`]+)*)```[^`]*$/i

/**
 * The JSON value of an answer: `{ value }`, or `{ issue }` where it is not clear which one is meant. Accepted
 * are the whole answer, its last part (an agent may speak before it calls a tool), and the only code block of
 * either. Nothing is repaired and nothing is searched for: a value that the model only mentions is no answer.
 */
function readAnswer({ text, parts = [] }) {
  const last = parts.findLast(({ type, text }) => type === 'text' && text)?.text ?? text
  for (const candidate of new Set([text, last])) {
    for (const json of [candidate, fenced(candidate)]) {
      const parsed = json === undefined ? null : parse(json)
      if (parsed) return parsed
    }
  }
  const message =
    text.trim() === '' ? 'there is no answer' : 'the answer is not one JSON value and nothing else'
  return { issue: { message, path: [] } }
}

/** The expression is linear, but of very many lines V8 runs out of stack. */
function fenced(candidate) {
  try {
    return FENCED.exec(candidate)?.[1]
  } catch {
    return undefined
  }
}

function parse(json) {
  try {
    return { value: JSON.parse(json) }
  } catch {
    return null
  }
}

module.exports = { readAnswer }
