import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fail, hang, scriptedModel, text } from '../../testing/index.js'
import { askModel, records } from '../support/chat-completions.mjs'

let model
beforeEach(async () => {
  model = await scriptedModel()
})
afterEach(() => model.close())

const ask = (...request) => askModel(model, ...request)
const said = async (prompt) => (await (await ask(prompt)).json()).choices[0].message.content

describe('around the model', () => {
  it('lets nothing through to the outside, and says what it was', async () => {
    const { request } = await import('node:http')
    const { port } = new URL(model.baseURL)
    const status = await new Promise((resolve) => {
      const options = { host: '127.0.0.1', port, path: 'http://example.invalid/x' }
      request(options, (response) => resolve(response.resume().statusCode)).end()
    })
    expect(status).toBe(403)
    expect(model.refused).toEqual(['http://example.invalid/x'])
  })

  it('says which path it knows', async () => {
    const response = await fetch(`${model.baseURL}/responses`, { method: 'POST' })
    expect(response.status).toBe(404)
    expect((await response.json()).error.message).toMatch('not POST /v1/responses')
  })

  it('close() ends what is under way, and is the end however often it is called', async () => {
    model.reply(hang())
    const failed = expect(ask('x')).rejects.toThrow()
    await model.waitForRequests()
    const more = expect(model.waitForRequests(2)).rejects.toThrow('closed after 1 of 2 requests')
    await Promise.all([model.close(), model.close(), failed, more])
    await expect(ask('y')).rejects.toThrow()
  })

  it('reset() begins anew: script, lists, and what is under way', async () => {
    model.reply(hang()).reply(text('a'), hang()).reply(text('not used'))
    const silent = ask('x')
    const begun = records(await ask('y', { stream: true }))
    const { requests } = model
    const more = expect(model.waitForRequests(3)).rejects.toThrow('reset after 2 of 3 requests')
    model.reset()
    expect((await silent).status).toBe(400)
    expect((await begun).at(-1)).toMatchObject({
      error: { message: expect.stringMatching(/model was reset/) },
    })
    await more
    expect(requests.map(({ prompt }) => prompt)).toEqual(['x', 'y'])
    expect(model.requests).toEqual([])
    expect(await said('z')).toBe('No reply is scripted for: z')
  })

  it('verify() tells what was not used, and what was not scripted', async () => {
    model.when('never asked', text('may stay'))
    model.verify()
    model.reply(text(['a', 'b']), hang()).reply(fail(503), () => text('c'))
    expect(() => model.verify()).toThrow(
      "\n  not used: text('a', 'b'), hang()\n  not used: fail(503), a function",
    )
    model.reset()
    await said('x'.repeat(100))
    expect(() => model.verify()).toThrow(`\n  not scripted: the request '${'x'.repeat(80)}…'`)
  })

  it('takes fields of the model and a fallback from its options', async () => {
    await model.close()
    model = await scriptedModel({
      model: { cost: { input: 1, output: 2 } },
      fallback: [text('…')],
      title: 'T',
    })
    expect(await said('x')).toBe('…')
    expect(await said('Generate a title for this conversation:')).toBe('T')
    expect(model.config.provider.scripted.models.model).toMatchObject({ cost: { input: 1 }, reasoning: true })
    expect(JSON.parse(model.env.OPENCODE_CONFIG_CONTENT)).toEqual(model.config)
  })
})
