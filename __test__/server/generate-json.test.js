// A value that fits a schema, from every era of OpenCode.
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { generate, generateJson } from '../../index.js'
import testing from '../../testing/index.js'
import { differences } from '../contract/differences.mjs'
import { countingProxy } from '../support/counting-proxy.mjs'
import { realOpenCode } from '../support/real-opencode.mjs'

const { text, toolCall, usage } = testing
const schema = {
  type: 'object',
  properties: { colour: { enum: ['blue', 'red'] } },
  required: ['colour'],
}

describe.each(['1.18.33', '1.1.31', '1.2.27', '2.0.15'])('OpenCode %s', (version) => {
  const real = realOpenCode({ version })
  // One that fails must not leave its replies to the next.
  afterEach(() => real.model.reset())
  const isNative = differences('server', version).structures
  /** The model's answer as the release wants it. */
  const answer = (value) => (isNative ? toolCall('StructuredOutput', value) : text(JSON.stringify(value)))
  const lastPrompt = () => real.model.requests.at(-1).prompt

  it('in a session made for the call: the value, by the best means of the release', async () => {
    real.model.reply(answer({ colour: 'blue' }))
    const result = await generateJson('Which colour?', real.options({ schema }))
    expect(result).toMatchObject({ value: { colour: 'blue' }, finishReason: 'stop', version })
    expect(result.structured).toEqual(isNative ? { colour: 'blue' } : undefined)
    expect(real.model.requests.at(-1).tools.includes('StructuredOutput')).toBe(isNative)
    expect(lastPrompt().includes('valid against this JSON Schema')).toBe(!isNative)
  })

  it('a wrong value, which OpenCode takes, is asked for again in the session', async () => {
    real.model.reply(answer({ colour: 'green' }), usage({ input: 100 }))
    real.model.reply(text('{"colour":"red"}'), usage({ input: 10 }))
    const result = await generateJson('Which colour?', real.options({ schema }))
    expect(result.value).toEqual({ colour: 'red' })
    expect(result.usage.input).toBe(110)
    expect(lastPrompt()).toContain('colour: must be equal to one of the allowed values')
    expect(JSON.stringify(real.model.requests.at(-1).messages)).toContain('green')
    expect(real.model.requests.at(-1).tools).not.toContain('StructuredOutput')
  })

  it('words instead of a value: read strictly, and asked for again', async () => {
    real.model.reply(text('Let me think: blue.'))
    real.model.reply(text('```json\n{"colour":"blue"}\n```'))
    const { value } = await generateJson('Which colour?', real.options({ schema }))
    expect(value).toEqual({ colour: 'blue' })
  })

  it('never a valid one: the last answer and what is wrong with it', async () => {
    real.model.reply(answer({ colour: 1 }))
    real.model.reply(text('{"colour":2}'))
    const error = await generateJson('Which?', real.options({ schema, jsonRetries: 1 })).catch(
      (error) => error,
    )
    expect(error).toMatchObject({
      code: 'ERR_OPENCODE_JSON',
      sessionID: expect.stringMatching(/^ses_/),
      data: { text: '{"colour":2}', issues: [{ path: ['colour'] }] },
    })
  })

  it('in a session that was there before: an instruction, and its messages can still be read', async () => {
    real.model.reply(text('hello'))
    const { sessionID } = await generate('Hi', real.options())
    real.model.reply(text('{"colour":"red"}'))
    const asked = { schema: z.object({ colour: z.string() }), sessionID }
    const result = await generateJson('Which colour?', real.options(asked))
    expect(result).toMatchObject({ value: { colour: 'red' }, sessionID })
    expect(result.structured).toBeUndefined()
    expect(await real.messages(sessionID)).toHaveLength(4)
  })

  it('the session goes on afterwards', async () => {
    real.model.reply(answer({ colour: 'blue' }))
    const { sessionID } = await generateJson('Which colour?', real.options({ schema }))
    real.model.reply(text('Because.'))
    const next = await generate('Why?', real.options({ sessionID }))
    expect(next).toMatchObject({ text: 'Because.', sessionID })
    expect(JSON.stringify(real.model.requests.at(-1).messages)).toContain('Which colour?')
  })

  it('with `ephemeral` no session stays, however often it was asked', async () => {
    const before = (await real.sessions()).length
    real.model.reply(answer({ colour: 'green' }))
    real.model.reply(answer({ colour: 'red' }))
    const { value } = await generateJson('Which colour?', real.options({ schema, ephemeral: true }))
    expect(value).toEqual({ colour: 'red' })
    expect(await real.sessions()).toHaveLength(before)
  })

  it('a connection that breaks in mid-turn costs nothing', async () => {
    const proxy = await countingProxy(real.server.url)
    try {
      const breaks = () => {
        proxy.cut()
        return answer({ colour: 'blue' })
      }
      real.model.reply(breaks)
      const options = real.options({ schema, baseUrl: proxy.url })
      const result = await generateJson('Which colour?', options)
      expect(result.value).toEqual({ colour: 'blue' })
      expect(result.reconnects).toBeGreaterThan(0)
    } finally {
      proxy.close()
    }
  })
})
