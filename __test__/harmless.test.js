// What reaches a terminal by way of a message, whatever a model, a server or a file name says.
import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { harmless, harmlessJson } from '../lib/harmless.js'
import { errorFromFailure, OpenCodeError } from '../lib/opencode-error.js'

// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys
const CONTROLS = /[\0-\x08\x0b-\x1f\x7f-\x9f]/
const OBEYED = new RegExp(`${CONTROLS.source}|[\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]`)
const ALL = String.fromCharCode(...Array.from({ length: 0xa0 }, (_, code) => code))
const EVIL = `${ALL}\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\u001b]8;;http://evil\u001b\\link\u001b]8;;\u0007`

it('text has a visible character in the place of each', () => {
  expect(harmless(EVIL)).not.toMatch(OBEYED)
  expect(harmless('a\tb\nc\r\nd\re')).toBe('a\tb\nc\nd␍e')
  expect(harmless('\u001b\u007f\u009b\u202e')).toBe('␛␡��')
  const kept = 'Größe 日本語 🦀 👩‍👩‍👧 می‌خواهم עברית'
  expect(harmless(kept)).toBe(kept)
})

it('JSON has an escape, and means the same', () => {
  expect(harmlessJson({ [EVIL]: EVIL })).not.toMatch(OBEYED)
  expect(JSON.parse(harmlessJson({ [EVIL]: EVIL }))).toEqual({ [EVIL]: EVIL })
})

it('an error has none in its message, its hint, its cause, its stack, and as Node prints it', () => {
  const cause = Object.assign(new Error(EVIL), { code: EVIL })
  const failure = {
    code: 'ERR_OPENCODE_PROVIDER',
    message: EVIL,
    hint: EVIL,
    stderr: EVIL,
    data: { text: EVIL },
  }
  const errors = [
    new OpenCodeError(EVIL, { ...failure, cause }),
    errorFromFailure({ ...failure, cause: EVIL }, new Error('call')),
  ]
  for (const error of errors) {
    for (const words of [error.message, error.hint, error.stack, error.cause.message, error.cause.stack]) {
      expect(words).not.toMatch(OBEYED)
    }
    // Of what is data, Node escapes the controls.
    expect(inspect(error)).not.toMatch(CONTROLS)
  }
})

it.each([
  [undefined, ''],
  [null, ''],
  [5, '5'],
])('an error may be made with %o as its message', (message, words) => {
  expect(new OpenCodeError(message, { code: 'ERR_OPENCODE_EMPTY', hint: 5 })).toMatchObject({
    message: words,
    hint: '5',
  })
})
