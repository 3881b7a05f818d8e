// A server that is killed around the acceptance of a prompt: the model sees the prompt at most once, and the reader gets
// the whole answer, or an error that says of the prompt what the model's record says.
import { once } from 'node:events'
import { expect, it, onTestFinished } from 'vitest'
import { generateStream } from '../../index.js'
import testing from '../../testing/index.js'
import { interruptingProxy } from '../support/interrupting-proxy.mjs'
import { until } from '../support/real-opencode.mjs'

const { hang, lockstep, openCode, text } = testing

const TOKENS = ['one ', 'two ', 'three']
const SESSION = '/session'
const PROMPT = '/prompt_async'

it.each([
  ['the session is to be made', { path: SESSION, stage: 'request' }, [false], 0],
  ['the session was made, which nobody was told', { path: SESSION, stage: 'withheld' }, [false], 0],
  ['the session was made', { path: SESSION, stage: 'answered' }, [false, 'unknown'], 0],
  ['the prompt is to be passed on', { path: PROMPT, stage: 'request' }, ['unknown'], 0],
  ['the prompt was passed on', { path: PROMPT, stage: 'passed' }, ['unknown', true]],
  ['the prompt was accepted, which nobody was told', { path: PROMPT, stage: 'withheld' }, ['unknown', true]],
  ['the prompt was accepted', { path: PROMPT, stage: 'answered' }, ['unknown', true]],
  ['the model was asked', { asked: true }, [true], 1],
  ['the first token was read', { read: 1 }, [true], 1],
  ['the last token was read', { read: 3 }, [true], 1],
  ['the turn was over', {}, undefined, 1],
])('killed when %s', async (_when, moment, accepted, requests) => {
  const opencode = await openCode({ version: '1.1.31' })
  onTestFinished(() => opencode.close())
  const { model, server } = opencode
  const kill = async () => {
    const gone = once(server.child, 'exit')
    server.kill('SIGKILL')
    await gone
  }
  const gate = lockstep()
  if (!moment.asked && !moment.read) gate.release()
  // Killed in the turn, it must not be over by itself before.
  model.reply(...(accepted ? [text(TOKENS, { gate }), hang()] : [text(TOKENS)]))
  let baseUrl = server.url
  if (moment.path) {
    const proxy = await interruptingProxy(server.url, { ...moment, act: kill })
    onTestFinished(() => proxy.close())
    baseUrl = proxy.url
  }
  if (moment.asked) until(() => model.requests.length === 1).then(kill)

  const stream = generateStream('edit a file', {
    ...opencode.options,
    baseUrl,
    timeouts: { reconnect: 200, total: 20_000 },
  })
  let received = ''
  const error = await (async () => {
    for await (const chunk of stream) {
      received += chunk
      gate.seen()
      if (moment.read && received === TOKENS.slice(0, moment.read).join('')) await kill()
    }
  })().catch((error) => error)

  expect(model.requests.length, 'how often the model was asked').toBeLessThanOrEqual(1)
  if (requests !== undefined) expect(model.requests).toHaveLength(requests)
  if (!accepted) {
    expect(error).toBe(undefined)
    expect((await stream.result).text).toBe(TOKENS.join(''))
    return
  }
  expect(error).toMatchObject({ name: 'OpenCodeError', hint: expect.any(String) })
  expect(accepted).toContain(error.accepted)
  if (error.accepted === false) expect(model.requests, 'what was not accepted was not run').toHaveLength(0)
  else expect(error.retryable).toBe(false)
  expect(TOKENS.join('')).toContain(received)
  expect(error.data?.text ?? '', 'the text so far').toBe(received)
})
