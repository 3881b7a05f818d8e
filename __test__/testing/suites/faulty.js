// Run by pools.test.js: what is seen of a test that its script does not fit.
import { setTimeout as sleep } from 'node:timers/promises'
import { generate, generateStream } from 'opencode-stream'
import { hang, text, withOpenCode } from 'opencode-stream/testing'
import { test as base, describe, expect } from 'vitest'

const test = base.extend(withOpenCode({ version: '1.1.31' }))

test('gives a reply too many', async ({ opencode: { model, options } }) => {
  model.reply(text('used')).reply(text('not used'))
  await generate('hi', options)
})

test('gives a reply too few', async ({ opencode: { options } }) => {
  await generate('What now?', options)
})

test('fails with a turn under way', async ({ opencode: { model, options } }) => {
  model.reply(text('Begun'), hang())
  for await (const chunk of generateStream('hi', options)) throw new Error(`its own error after ${chunk}`)
})

test('is as if the others had not been', async ({ opencode: { model, options } }) => {
  model.reply(text('clean'))
  expect((await generate('hi', options)).text).toBe('clean')
  expect(model.requests).toHaveLength(1)
})

describe.concurrent('at once', () => {
  test('is the first of two', async ({ opencode }) => sleep(500, opencode))
  test('is the second of two', async ({ opencode }) => sleep(500, opencode))
})
