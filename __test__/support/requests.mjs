import { expect } from 'vitest'
import { mergeSettings, readOptions } from '../../lib/options.js'
import { turnRequest } from '../../lib/turn-request.js'

/** The request that a call makes; `env` stands in for process.env. */
export function request(options, { prompt = 'Hello', env = {}, defaults } = {}) {
  return turnRequest(prompt, mergeSettings(readOptions(defaults), readOptions(options), env), env)
}

export function refusal(...call) {
  try {
    request(...call)
  } catch (error) {
    return error
  }
  throw new Error('was not refused')
}

export const invalid = (message, hint = '') => ({
  name: 'OpenCodeError',
  code: 'ERR_OPENCODE_INVALID_OPTION',
  accepted: false,
  retryable: false,
  message: expect.stringMatching(message),
  hint: expect.stringContaining(hint),
})
