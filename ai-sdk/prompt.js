'use strict'

const { invalid, show } = require('../lib/invalid-option.js')
const { jsonText } = require('./json-text.js')

/**
 * A conversation of the AI SDK as one prompt of OpenCode, which keeps conversations itself. With a session to go on
 * with, only what the user said last is new to it; without one, what was said before goes along as text.
 */
function readPrompt(messages, hasSession) {
  const system = messages
    .filter(({ role }) => role === 'system')
    .map(({ content }) => content)
    .join('\n\n')
  const said = messages.filter(({ role }) => role !== 'system')
  const lastAnswer = said.findLastIndex(({ role }) => role !== 'user')
  const before = said.slice(0, lastAnswer + 1)
  const parts = said.slice(lastAnswer + 1).flatMap(({ content }) => content.map(promptPart))
  if (before.length > 0 && !hasSession) parts.unshift({ type: 'text', text: transcript(before) })
  return { system, parts }
}

function promptPart(part) {
  if (part.type === 'text') return { type: 'text', text: part.text }
  const { mediaType, filename, data } = part
  return { type: 'file', mime: mediaType, url: urlOf(data, mediaType), ...(filename && { filename }) }
}

function urlOf({ type, data, url, text }, mediaType) {
  if (type === 'url') return String(url)
  if (type === 'text') return dataUrl(Buffer.from(text).toString('base64'), mediaType)
  if (type === 'data')
    return dataUrl(typeof data === 'string' ? data : Buffer.from(data).toString('base64'), mediaType)
  throw invalid('A file of the prompt', `comes by ${show(type)}`, 'Pass the data of the file.')
}

function dataUrl(base64, mediaType) {
  return `data:${mediaType};base64,${base64}`
}

function transcript(messages) {
  const lines = messages.flatMap(({ role, content }) =>
    content.map((part) => line(role, part)).filter(Boolean),
  )
  return `<conversation>\n${lines.join('\n\n')}\n</conversation>`
}

const SPEAKERS = { user: 'User', assistant: 'Assistant', tool: 'Tool' }

function line(role, part) {
  if (part.type === 'text') return `${SPEAKERS[role]}: ${part.text}`
  if (part.type === 'file') return `${SPEAKERS[role]}: [file ${part.filename ?? part.mediaType}]`
  if (part.type === 'tool-call') return `Assistant: [calls ${part.toolName} ${jsonText(part.input, false)}]`
  if (part.type === 'tool-result')
    return `Tool: [${part.toolName} ${jsonText(part.output?.value ?? null, false)}]`
  return undefined
}

module.exports = { readPrompt }
