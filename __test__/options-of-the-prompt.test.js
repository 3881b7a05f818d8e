import { describe, expect, it } from 'vitest'
import { invalid, refusal, request } from './support/requests.mjs'

describe('the prompt', () => {
  it('is a string, or parts of text, files and agents', () => {
    const parts = [
      { type: 'text', text: 'Look at ' },
      { type: 'file', mime: 'image/png', url: 'data:image/png;base64,AA==', filename: 'a.png' },
      { type: 'agent', name: 'explore' },
    ]
    expect(request({}, { prompt: parts }).parts).toEqual(parts)
  })

  it.each([
    ['', /prompt is empty/],
    [' \n\t', /prompt is empty or only white space/],
    [[], /prompt has no parts/],
    [[{ type: 'text', text: ' ' }], /prompt is empty/],
    [null, /prompt is null, but must be a string or an array/],
    [42, /prompt is a number/],
    [{ type: 'text', text: 'x' }, /prompt is an object/],
    [['x'], /Part 0 of the prompt is a string/],
    [[{ type: 'txt', text: 'x' }], /Part 0 of the prompt: `type` is "txt"/],
    [[{ type: 'text' }], /Part 0 of the prompt: `text` is undefined/],
    [[{ type: 'file', mime: 'a/b', url: '' }], /`url` is an empty string/],
    [[{ type: 'text', text: 'x', txet: 'y' }], /Unknown key `txet`/],
  ])('%j is refused', (prompt, message) => {
    expect(refusal({}, { prompt })).toMatchObject(invalid(message))
  })

  it('is not repeated in errors', () => {
    expect(refusal({}, { prompt: [{ type: 'secret prompt' }, 'x'] }).message).toContain('type')
    expect(refusal({}, { prompt: [{ type: 'text', text: 'x', extra: 'secret' }] }).message).not.toContain(
      'secret',
    )
  })
})

describe('the session', () => {
  it('can be one by id, the newest, a copy of either, or a new one with a title', () => {
    expect(request({ sessionID: 'ses_1' }).session).toMatchObject({ id: 'ses_1', continue: false })
    expect(request({ continue: true }).session).toMatchObject({ id: null, continue: true })
    expect(request({ sessionID: 'ses_1', fork: true, ephemeral: true }).session).toMatchObject({ fork: true })
    expect(request({ title: 'A title', ephemeral: true }).session).toMatchObject({
      title: 'A title',
      ephemeral: true,
    })
  })

  it.each([
    [{ sessionID: '' }, /`sessionID` is ""/],
    [{ sessionID: 7 }, /`sessionID` is 7, but must be a non-empty string/],
    [{ sessionID: 'ses_1', continue: true }, /`continue` is true beside `sessionID` "ses_1"/],
    [{ fork: true }, /`fork` is true, but there is no session to fork/],
    [{ sessionID: 'ses_1', ephemeral: true }, /`ephemeral` is true for a session that existed before/],
    [{ continue: true, ephemeral: true }, /`ephemeral` is true for a session that existed before/],
    [{ continue: 'yes' }, /`continue` is "yes", but must be true or false/],
  ])('%j is refused', (options, message) => {
    expect(refusal(options)).toMatchObject(invalid(message))
  })

  it('sessionID beside continue: false is no conflict', () => {
    expect(request({ sessionID: 'ses_1', continue: false }).session.id).toBe('ses_1')
  })
})

describe('the model', () => {
  it.each([
    ['anthropic/claude', { providerID: 'anthropic', modelID: 'claude' }],
    ['openrouter/meta/llama', { providerID: 'openrouter', modelID: 'meta/llama' }],
    [
      { providerID: 'a', modelID: 'b/c' },
      { providerID: 'a', modelID: 'b/c' },
    ],
  ])('%j is split at the first slash', (model, expected) => {
    expect(request({ model }).model).toEqual(expected)
  })

  it.each([
    'gpt-5',
    '/gpt-5',
    'openai/',
    '',
    ' / ',
    5,
    ['a', 'b'],
    { providerID: 'a' },
    { providerID: '', modelID: 'b' },
  ])('%j is refused', (model) => {
    expect(refusal({ model })).toMatchObject(invalid('Option `model` is', "'provider/model'"))
  })
})

describe('what the agent may do', () => {
  it('agent, variant, system and tools are passed on', () => {
    const options = { agent: 'plan', variant: 'high', system: '', tools: { bash: false, edit: true } }
    expect(request(options)).toMatchObject(options)
  })

  it('permission and question have a fixed set of answers', () => {
    expect(request({ permission: 'allow', question: 'leave' })).toMatchObject({
      permission: 'allow',
      question: 'leave',
    })
    expect(refusal({ permission: 'alow' })).toMatchObject(invalid(/`permission` is "alow"/, "'allow'"))
    expect(refusal({ question: 'allow' })).toMatchObject(invalid(/`question` is "allow"/))
  })

  it.each([
    [{ agent: '' }],
    [{ variant: 1 }],
    [{ system: {} }],
    [{ tools: ['bash'] }],
    [{ tools: { bash: 'no' } }],
    [{ raw: 1 }],
  ])('%j is refused', (options) => {
    expect(refusal(options)).toMatchObject(invalid(`\`${Object.keys(options)[0]}`))
  })
})
