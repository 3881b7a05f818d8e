'use strict'

const { text } = require('node:stream/consumers')
const { UsageError } = require('./arguments.js')

/** A pipe that nobody writes to and nobody closes would otherwise look like a slow model. */
const NOTICE_MS = 3_000

/** The words of the command line, what is piped in, or both, as `opencode run` puts them together. */
async function readPrompt(words, { stdin = process.stdin, notice }) {
  const isDash = words.length === 1 && words[0] === '-'
  const given = isDash ? '' : words.join(' ')
  if (given === '' && stdin.isTTY && !isDash) throw new UsageError('There is no prompt')
  const piped = stdin.isTTY && !isDash ? '' : await readAll(stdin, notice)
  const prompt = given !== '' && piped !== '' ? `${given}\n${piped}` : given + piped
  if (prompt.trim() === '') throw new UsageError('The prompt is empty')
  return prompt
}

async function readAll(stdin, notice) {
  const timer = setTimeout(
    notice,
    NOTICE_MS,
    'Waiting for the end of what is piped in; `< /dev/null` pipes nothing',
  )
  if (stdin.isTTY) clearTimeout(timer)
  try {
    return await text(stdin)
  } finally {
    clearTimeout(timer)
  }
}

module.exports = { readPrompt }
