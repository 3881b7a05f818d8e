// Compiled, never run: the fixtures of the testing kit in vitest's own types.

import { generate, generateStream, health, OpenCode } from 'opencode-stream'
import {
  NEWEST,
  type OpenCodeKit,
  type OpenCodeServer,
  type ScriptedModel,
  text,
  withOpenCode,
} from 'opencode-stream/testing'
import { test as base } from 'vitest'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function exactly<A, B>(_: Equal<A, B>) {}

const test = base.extend(
  withOpenCode({ version: NEWEST, config: { permission: { bash: 'ask' } }, password: 'x' }),
)

test('the fixture', async ({ opencode, expect, task }) => {
  exactly<typeof opencode, OpenCodeKit>(true)
  expect(task.name).toBe(opencode.directory)
})

test('its properties', async ({ opencode: { model, options, server } }) => {
  exactly<typeof model, ScriptedModel>(true)
  exactly<typeof server, OpenCodeServer>(true)
  generateStream('Hello', options)
  await generate('Hello', { ...options, permission: 'allow' })
  await health(options)
  await new OpenCode(options).close()
})

const together = base.extend({ ...withOpenCode(), answer: 42 })
const after = base.extend<{ answer: number }>({ answer: 42 }).extend(withOpenCode())

together('beside fixtures of one’s own', ({ opencode, answer }) =>
  opencode.model.reply(text(answer.toFixed())),
)
after('over fixtures of one’s own', ({ opencode, answer }) => opencode.model.reply(text(answer.toFixed())))
test.for([1, 2])('with parameters', async (count, { opencode }) => {
  await generate(count.toFixed(), opencode.options)
})
test.beforeEach(({ opencode }) => {
  opencode.model.reset()
})
