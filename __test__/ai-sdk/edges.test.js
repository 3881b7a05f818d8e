// The provider, as far as it alone is answerable for it: what it makes of strange turns and strange calls.
import { describe, expect, it } from 'vitest'
import { requireAiVersion } from '../../ai-sdk/ai-version.js'
import { createOpenCode } from '../../ai-sdk/index.js'
import { OpenCodeLanguageModel } from '../../ai-sdk/language-model.js'
import { OpenCode } from '../../lib/client.js'
import { scriptedBinding } from '../support/scripted-binding.js'
import { collect } from '../support/scripted-stream.mjs'

const prompt = [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }]

function modelOf(onStart, { settings, defaults } = {}) {
  const native = scriptedBinding(onStart)
  return { model: new OpenCodeLanguageModel(new OpenCode(defaults, native), 'default', settings), native }
}

const tool = (partID, callID, more) => ({
  type: 'tool',
  sessionID: 'ses_1',
  messageID: 'msg_1',
  partID,
  callID,
  tool: 'bash',
  status: 'completed',
  input: { command: partID },
  output: partID,
  ...more,
})

it('the metadata say which OpenCode answered', async () => {
  const result = { route: 'server', version: '2.0.15', generation: 2 }
  const { model } = modelOf((turn) => turn.finish(result))
  const { providerMetadata } = await model.doGenerate({ prompt })
  expect(providerMetadata.opencode).toMatchObject({ route: 'server', version: '2.0.15', generation: 2 })
})

describe('tool calls', () => {
  it('with equal ids are calls of their own, each with its result', async () => {
    const { model } = modelOf((turn) => {
      turn.emit(
        tool('prt_1', 'call_0', { status: 'running' }),
        tool('prt_1', 'call_0'),
        tool('prt_2', 'call_0', { status: 'running' }),
        tool('prt_2', 'call_0', { status: 'error', error: 'no' }),
        // An id that looks like one of ours.
        tool('prt_3', 'call_0:prt_2'),
      )
      turn.finish()
    })
    const parts = await collect((await model.doStream({ prompt })).stream)
    const idsOf = (type) =>
      parts.filter((part) => part.type === type).map(({ toolCallId, id }) => toolCallId ?? id)
    expect(new Set(idsOf('tool-call')).size).toBe(3)
    for (const type of ['tool-result', 'tool-input-start', 'tool-input-end'])
      expect(idsOf(type)).toEqual(idsOf('tool-call'))
    const { content } = await modelOf((turn) => {
      turn.emit(tool('prt_1', 'call_0'), tool('prt_2', 'call_0'))
      turn.finish()
    }).model.doGenerate({ prompt })
    expect(content.map(({ type }) => type)).toEqual(['tool-call', 'tool-result', 'tool-call', 'tool-result'])
  })

  it('with input that is too deep for JSON are an error in the stream, and the turn is left', async () => {
    const { model, native } = modelOf((turn) => {
      turn.takeEvents = () => {
        turn.takeEvents = () => null
        const deep = `${'['.repeat(1e5)}${']'.repeat(1e5)}`
        return `[{"type":"start","sessionID":"ses_1"},{"type":"tool","partID":"p","callID":"c","tool":"t","status":"running","input":${deep}}]`
      }
      turn.say('a')
    })
    const parts = await collect((await model.doStream({ prompt })).stream)
    expect(parts.find(({ type }) => type === 'error').error).toMatchObject({ code: 'ERR_OPENCODE_LIMIT' })
    expect(parts.at(-1)).toMatchObject({ type: 'finish', finishReason: { unified: 'error' } })
    expect(native.turns[0].left).toBe(1)
  })
})

describe('calls', () => {
  const circle = {}
  circle.circle = circle
  it.each([
    ['a BigInt', [{ type: 'tool-call', toolName: 't', input: 5n }]],
    ['a circle', [{ type: 'tool-result', toolName: 't', output: { value: circle } }]],
  ])('with %s in the conversation are an error of ours', async (_, content) => {
    const { model } = modelOf()
    const conversation = [{ role: 'assistant', content }, ...prompt]
    await expect(model.doStream({ prompt: conversation })).rejects.toMatchObject({
      code: 'ERR_OPENCODE_INVALID_OPTION',
      accepted: false,
    })
  })

  it('that name another server do not take the credentials of the model there', async () => {
    const settings = { baseUrl: 'http://a', password: 'of-a', headers: { cookie: 'c', 'x-team': 't' } }
    const requestOf = async (opencode, options) => {
      const { model, native } = modelOf((turn) => turn.finish(), options)
      await model.doGenerate({ prompt, providerOptions: { opencode } })
      const { url, credentials, headers } = native.turns[0].request
      return { url, credentials, headers }
    }
    const given = { username: 'opencode', password: 'of-a' }
    const none = { url: 'http://b', credentials: null, headers: { 'x-team': 't' } }
    expect(await requestOf({}, { settings })).toMatchObject({ url: 'http://a', credentials: given })
    expect(await requestOf({ baseUrl: 'http://a/' }, { settings })).toMatchObject({ credentials: given })
    expect(await requestOf({ baseUrl: 'http://b' }, { settings })).toEqual(none)
    expect(await requestOf({ serverUrl: 'http://b' }, { settings })).toEqual(none)
    expect(await requestOf({ baseUrl: 'http://b' }, { defaults: settings })).toEqual(none)
  })

  it('for models that OpenCode has not are an error of ours', () => {
    expect(() => createOpenCode().imageModel('a')).toThrow(
      expect.objectContaining({ code: 'ERR_OPENCODE_UNSUPPORTED_OPTION' }),
    )
  })
})

describe('the provider', () => {
  it('takes settings alone, or behind a model', () => {
    const provider = createOpenCode()
    expect(provider({ agent: 'plan' }).modelId).toBe('default')
    expect(provider(undefined, { agent: 'plan' }).modelId).toBe('default')
    expect(provider('a/b', { agent: 'plan' }).modelId).toBe('a/b')
  })

  it('refuses asks that nobody could reply to', async () => {
    expect(() => createOpenCode({ permission: 'event' })).toThrow(/`permission` is 'event'/)
    const { model } = modelOf(() => {}, { settings: { question: 'event' } })
    await expect(model.doGenerate({ prompt })).rejects.toThrow(/`question` is 'event'/)
  })

  it('says which `ai` to install', () => {
    for (const fits of [undefined, '7.0.173']) requireAiVersion(fits)
    const refused = {
      code: 'ERR_OPENCODE_UNSUPPORTED_VERSION',
      hint: expect.stringContaining('npm install ai@7'),
    }
    for (const other of ['6.0.1', '70.1.0'])
      expect(() => requireAiVersion(other)).toThrow(expect.objectContaining(refused))
  })
})
