// A suite to begin with: a real OpenCode, a scripted model, no network, no keys.
// The first test waits for OpenCode to start: have `testTimeout: 30_000` or more in your vitest configuration.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { generate, generateStream } from 'opencode-stream'
import { fail, lockstep, text, toolCall, withOpenCode } from 'opencode-stream/testing'
import { test as base, expect } from 'vitest'

const test = base.extend(withOpenCode({ config: { permission: { bash: 'ask' } } }))

test('the answer comes in order, and the model saw the prompt', async ({ opencode: { model, options } }) => {
  model.reply(text(['Roses ', 'are ', 'red.']))
  let answer = ''
  for await (const chunk of generateStream('Write a poem.', options)) answer += chunk
  expect(answer).toBe('Roses are red.')
  expect(model.requests[0].prompt).toBe('Write a poem.')
})

test('a permission that is rejected ends the turn, and the tool never ran', async ({ opencode }) => {
  const { model, options, directory } = opencode
  model.reply(
    text('I will make a file. '),
    toolCall('bash', { command: 'touch made', description: 'make it' }),
  )
  const result = await generate('Make a file.', { ...options, permission: 'reject' })
  expect(result).toMatchObject({ text: 'I will make a file. ', finishReason: 'rejected' })
  expect(result.asks).toMatchObject([{ permission: 'bash', patterns: ['touch made'], reply: 'reject' }])
  expect(existsSync(join(directory, 'made'))).toBe(false)
})

test('a short outage of the provider is a retry, a refusal is an error', async ({ opencode }) => {
  const { model, options } = opencode
  model.reply(fail(503, { message: 'overloaded' })).reply(text('Here again.'))
  const stream = generateStream('Are you there?', options)
  const retries = []
  for await (const event of stream.events) if (event.type === 'retry') retries.push(event.attempt)
  expect(retries).toEqual([1])
  expect((await stream.result).text).toBe('Here again.')

  model.reply(fail(401, { message: 'bad key' }))
  await expect(generate('And now?', options)).rejects.toMatchObject({
    code: 'ERR_OPENCODE_PROVIDER',
    status: 401,
  })
})

test('each token arrives before the next one leaves the model', async ({ opencode: { model, options } }) => {
  const gate = lockstep()
  model.reply(text(['one ', 'two ', 'three'], { gate }))
  const chunks = []
  // Were anything on the way to hold tokens back, the model would wait for ever, and this test time out.
  for await (const chunk of generateStream('Count to three.', options)) {
    chunks.push(chunk)
    gate.seen()
  }
  expect(chunks).toEqual(['one ', 'two ', 'three'])
})
