'use strict'

/** What one call of OpenCode to the model looked like. */
function recordedRequest(body, headers) {
  const messages = body.messages ?? []
  return {
    prompt: lastUserText(messages),
    messages,
    tools: (body.tools ?? []).map((tool) => tool.function?.name),
    body,
    headers,
    at: Date.now(),
    aborted: false,
    ended: undefined,
  }
}

function lastUserText(messages) {
  return contentText(messages.findLast(({ role }) => role === 'user')?.content)
}

function contentText(content) {
  if (typeof content === 'string') return content
  const parts = Array.isArray(content) ? content : []
  return parts
    .filter(({ type }) => type === 'text')
    .map((part) => part.text)
    .join('\n')
}

// OpenCode asks for titles in the same way as for answers. Its prompts are worded like this from 1.0 to 1.18,
// and it sends them without tools; up to 1.1 it also asks for a title of every single user message.
const HOUSEKEEPING = [
  /^You are a title generator/,
  /^\s*Generate a title for this conversation/,
  /^\s*The following is the text to summarize:/,
  /^Summarize what was done in this conversation/,
]

/** Whether OpenCode asks for a title or a summary on its own account, rather than for an answer. */
function isHousekeeping({ body, messages }, titleModel) {
  if (body.tools?.length) return false
  if (body.model === titleModel) return true
  return messages.some(({ content }) => HOUSEKEEPING.some((wording) => wording.test(contentText(content))))
}

module.exports = { recordedRequest, isHousekeeping }
