'use strict'

const { reasoning, text, toolCall, usage } = require('../../testing/index.js')

/** Milliseconds between two tokens: about as fast as a hosted model. */
const PACE = 35

const PROMPT = 'Why stream an answer token by token? Say hello from a shell first.'

const THOUGHTS =
  'They want a greeting from a shell, then a reason. One small command will do; then I answer briefly.'

const ANSWER = `The shell says hello, and so do I. 👋

Why token by token? Because waiting is the slow part. A model writes perhaps thirty words a second; an answer of
three hundred words takes ten seconds, and a reader who sees the first word after half a second has read half of
it before the last one exists.

Whole characters matter as much as speed: a naïve reader cuts 日本語 or a 🦀 in two where the bytes happen to be
split. Here each piece is complete, piece after piece, and all of them together are exactly the answer: nothing
twice, nothing lost — also when a tool ran in between, as it just did.

And if you have read enough, stop reading: the work inside OpenCode stops with you.
`

/** What a tokenizer would make of it, near enough: words with the space before them, wide characters singly. */
const tokensOf = (prose) =>
  prose.match(/\s*(?:[\p{Script=Han}\p{Extended_Pictographic}]|[^\s\p{Script=Han}]+)|\s+/gu)

/** What each generation calls its shell. */
const HELLO = 'echo Hello from a shell'
const SHELLS = {
  1: () => toolCall('bash', { command: HELLO, description: 'Says hello' }),
  2: () => toolCall('shell', { command: HELLO }),
}

function scriptTurn(model, generation) {
  const paced = { pace: PACE }
  model.reply(reasoning(tokensOf(THOUGHTS), paced), SHELLS[generation]())
  model.reply(text(tokensOf(ANSWER), paced), usage({ input: 412, output: tokensOf(ANSWER).length }))
}

module.exports = { PROMPT, scriptTurn }
