'use strict'

const { OpenCodeError } = require('../lib/opencode-error.js')

/** How the AI SDK recognises its `APICallError`, across copies of itself; so we need none of its code. */
const MARKERS = ['vercel.ai.error', 'vercel.ai.error.AI_APICallError'].map(Symbol.for)

/**
 * The same error, in a form in which the AI SDK sees whether it may try again: only where OpenCode did not take the
 * prompt, since a prompt runs at most once.
 */
function asCallError(error) {
  if (!(error instanceof OpenCodeError) || MARKERS[1] in error) return error
  const isRetryable = error.accepted === false && error.retryable
  const fields = { isRetryable, statusCode: error.status, url: '', requestBodyValues: {} }
  for (const [name, value] of Object.entries(fields)) Object.defineProperty(error, name, { value })
  for (const marker of MARKERS) Object.defineProperty(error, marker, { value: true })
  return error
}

module.exports = { asCallError }
