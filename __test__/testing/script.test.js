import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  cut,
  fail,
  finish,
  hang,
  lockstep,
  pause,
  reasoning,
  scriptedModel,
  text,
  toolCall,
  usage,
} from '../../testing/index.js'
import { askModel, records } from '../support/chat-completions.mjs'

let model
beforeEach(async () => {
  model = await scriptedModel()
})
afterEach(() => model.close())

const ask = (...request) => askModel(model, ...request)
const said = async (prompt) => (await (await ask(prompt)).json()).choices[0].message.content

describe('which reply is taken', () => {
  it('the queue, in order, then the fallback', async () => {
    model.reply(text('first')).reply(text('second'))
    expect(await said('a')).toBe('first')
    expect(await said('b')).toBe('second')
    expect(await said('What now?')).toBe('No reply is scripted for: What now?')
  })

  it('a matcher before the queue, as often as it may answer', async () => {
    model.reply(text('queued'))
    model.when('rain', text('umbrella')).times(1)
    model.when(/^rain/g, text('boots'))
    model.when(({ messages }) => messages.length === 2 && messages[1].content === 'sun', text('hat'))
    expect(await said('rain today')).toBe('umbrella')
    expect(await said('rain tomorrow')).toBe('boots')
    expect(await said('rain for ever')).toBe('boots')
    expect(await said('sun')).toBe('hat')
    expect(await said('snow')).toBe('queued')
  })

  it('asks functions among the steps, with the request', async () => {
    model.reply(text('You said '), async ({ prompt }) => [text(prompt), () => text('!')])
    expect(
      await said([
        { type: 'text', text: 'two' },
        { type: 'text', text: 'parts' },
      ]),
    ).toBe('You said two\nparts!')
  })

  it('tells a title from an answer by its wording or its model, never when tools are on offer', async () => {
    const generate = 'Generate a title for this conversation:\n'
    expect(await said(generate)).toBe('Scripted title')
    await ask('hi', { model: 'title' })
    await ask(generate, { tools: [{ type: 'function', function: { name: 'read' } }] })
    expect(model.titleRequests).toHaveLength(2)
    expect(model.requests).toMatchObject([{ prompt: generate, tools: ['read'] }])
  })

  it.each([
    ['a step that is none', () => model.reply('just a string'), /made of steps .*not just a string/],
    ['a matcher that is none', () => model.when(7, text('x')), /string, a RegExp or a function.*not 7/],
    ['a number of times that is none', () => model.when('x', text('y')).times('often'), /times\(often\)/],
  ])('refuses %s at once', (_what, mistake, message) => {
    expect(mistake).toThrow(message)
  })

  it('shows a script that throws as a failure no client retries', async () => {
    model.reply(() => {
      throw new Error('oops')
    })
    const response = await ask('x')
    expect(response.status).toBe(400)
    expect((await response.json()).error.message).toMatch(/script of the model failed: Error: oops/)
  })
})

describe('what a reply looks like', () => {
  it('streamed: one record for each token, then the reason, the usage and the end', async () => {
    model.reply(
      reasoning('hm'),
      text(['a', '\ud83d', '\ude00']),
      usage({ input: 3, output: 2, reasoning: 1, cacheRead: 4 }),
    )
    const [...sent] = await records(await ask('x', { stream: true }))
    expect(sent.slice(0, 4).map(({ choices }) => choices[0].delta)).toEqual([
      { reasoning_content: 'hm' },
      { content: 'a' },
      { content: '\ud83d' },
      { content: '\ude00' },
    ])
    expect(sent[4].choices[0].finish_reason).toBe('stop')
    expect(sent[5].usage).toMatchObject({ prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 })
    expect(sent[6]).toBe('[DONE]')
  })

  it('whole, with tool calls', async () => {
    model.reply(text('Let me.'), toolCall('read', { path: 'a' }, { id: 'mine' }), toolCall('read', '{broken'))
    const { choices, usage: counted } = await (await ask('x')).json()
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: 'Let me.',
        tool_calls: [
          { id: 'mine', function: { name: 'read', arguments: '{"path":"a"}' } },
          { id: expect.stringMatching(/^call_/), function: { name: 'read', arguments: '{broken' } },
        ],
      },
    })
    expect(counted).toMatchObject({ prompt_tokens: 10, completion_tokens: 1 })
  })

  it('with a reason of its own', async () => {
    model.reply(text('cut sho'), pause(1), finish('length'))
    expect((await (await ask('x')).json()).choices[0].finish_reason).toBe('length')
  })
})

describe('failures', () => {
  it('with status, headers and message', async () => {
    model.reply(fail(429, { message: 'slow down', headers: { 'retry-after': '3' } }))
    const response = await ask('x', { stream: true })
    expect(response.status).toBe(429)
    expect(response.headers.get('retry-after')).toBe('3')
    expect((await response.json()).error.message).toBe('slow down')
  })

  it('with a body as it is', async () => {
    model.reply(fail(503, { body: '<html>', headers: { 'content-type': 'text/html' } }))
    expect(await (await ask('x')).text()).toBe('<html>')
  })

  it('in mid-stream, as a record', async () => {
    model.reply(text('a'), fail(500, { message: 'midway' }), text('never'))
    const sent = await records(await ask('x', { stream: true }))
    expect(sent).toMatchObject([{ choices: [{ delta: { content: 'a' } }] }, { error: { message: 'midway' } }])
  })

  it('as a connection cut after the tokens before it have arrived', async () => {
    model.reply(text(['a', 'b']), cut())
    const response = await ask('x', { stream: true })
    let arrived = ''
    const reading = (async () => {
      for await (const piece of response.body.pipeThrough(new TextDecoderStream())) arrived += piece
    })()
    await expect(reading).rejects.toThrow('terminated')
    expect(arrived).toContain('"content":"b"')
    expect(model.requests[0].aborted).toBe(false)
  })

  it('as silence, until the client goes away', async () => {
    model.reply(hang())
    const leave = new AbortController()
    const response = ask('x', {}, { signal: leave.signal })
    const [request] = await model.waitForRequests()
    expect(request.aborted).toBe(false)
    leave.abort()
    await expect(response).rejects.toThrow()
    await request.ended
    expect(request.aborted).toBe(true)
  })
})

describe('lockstep', () => {
  async function reader(response) {
    const bytes = (await response).body.getReader()
    return async () => new TextDecoder().decode((await bytes.read()).value)
  }

  it('sends the next token, and the end, only when all before it were seen', async () => {
    const gate = lockstep()
    model.reply(text(['a', 'b'], { gate }))
    const next = await reader(ask('x', { stream: true }))
    expect(await next()).toContain('"a"')
    expect(gate.sent).toBe(1)
    gate.seen()
    gate.seen(5)
    expect(await next()).toContain('"b"')
    expect(gate.sent).toBe(2)
    const end = next()
    expect(await Promise.race([end, new Promise((done) => setTimeout(done, 20, 'still waiting'))])).toBe(
      'still waiting',
    )
    gate.seen()
    expect(await end).toContain('finish_reason":"stop"')
  })

  it('gives way once released', async () => {
    const gate = lockstep()
    model.reply(text(['a', 'b', 'c'], { gate }))
    const response = ask('x')
    await model.waitForRequests()
    gate.release()
    expect((await (await response).json()).choices[0].message.content).toBe('abc')
  })
})
