// Runs under Node 22, which the AI SDK needs: one process for each provider, told by IPC which case to run.
import { generateObject, generateText, Output, streamText, tool } from 'ai'
import { z } from 'zod'
import { createOpenCode } from '../../ai-sdk/index.js'

const [name, settings] = [process.argv[2], JSON.parse(process.argv[3])]
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const schema = z.object({ city: z.string(), people: z.number() })
const MODEL = 'scripted/model'

/**
 * How each provider makes a model, and one that goes on with the session of a result. A model of its own for each case:
 * the peer's keeps its session, which is gone after the case.
 */
const PROVIDERS = {
  'opencode-stream': async () => {
    const provider = createOpenCode(settings)
    return {
      fresh: () => provider(MODEL),
      resumed: ({ providerMetadata }) => provider(MODEL, { sessionID: providerMetadata.opencode.sessionID }),
    }
  },
  'ai-sdk-provider-opencode-sdk': async () => {
    const { createOpencode } = await import('ai-sdk-provider-opencode-sdk')
    const { baseUrl, directory } = settings
    const provider = createOpencode({ baseUrl, autoStartServer: false, defaultSettings: { directory } })
    return {
      fresh: () => provider(MODEL),
      resumed: ({ providerMetadata }) => provider(MODEL, { sessionId: providerMetadata.opencode.sessionId }),
    }
  },
}

async function run(title, model, resumed) {
  const prompt = 'Hello'
  const maxRetries = 0
  const quiet = { model, maxRetries, onError: () => {} }
  const whole = (more) => generateText({ model, maxRetries, prompt, ...more })
  const parts = async (more) => all(streamText({ ...quiet, prompt, ...more }).fullStream)

  if (title.startsWith('streamText: each token')) {
    const chunks = []
    for await (const chunk of streamText({ ...quiet, prompt }).textStream) {
      chunks.push(chunk)
      process.send({ seen: 1 })
    }
    return { chunks }
  }
  if (title.startsWith('abort')) return abort(quiet)
  if (title.startsWith('structured output: generateText')) {
    const { output } = await whole({ output: Output.object({ schema }) })
    return { output }
  }
  if (title.startsWith('structured output: streamText')) {
    const result = streamText({ ...quiet, prompt, output: Output.object({ schema }) })
    await all(result.textStream)
    return { output: await result.output }
  }
  if (title.startsWith('structured output: generateObject')) {
    const { object } = await generateObject({ model, maxRetries, prompt, schema })
    return { object }
  }
  if (title.startsWith('warnings')) {
    const tools = { mine: tool({ inputSchema: z.object({}), execute: async () => 'x' }) }
    const given = {
      temperature: 0.5,
      topP: 0.5,
      topK: 5,
      maxOutputTokens: 9,
      stopSequences: ['x'],
      seed: 1,
      tools,
    }
    return plain(await whole(given))
  }
  if (title.startsWith('the system')) return plain(await whole({ instructions: 'You are a pirate.' }))
  if (title.startsWith('what was said')) {
    const messages = [
      { role: 'user', content: 'My name is Alice.' },
      { role: 'assistant', content: 'Nice to meet you.' },
      { role: 'user', content: 'What is my name?' },
    ]
    return plain(await whole({ prompt: undefined, messages }))
  }
  if (title.startsWith('a session')) {
    const first = await whole({ prompt: 'Remember blue.' })
    return plain(await generateText({ model: resumed(first), maxRetries, prompt: 'Which colour?' }))
  }
  if (title.startsWith('an image')) {
    const file = { type: 'file', data: Buffer.from(PIXEL, 'base64'), mediaType: 'image/png' }
    const content = [{ type: 'text', text: 'What is it?' }, file]
    return plain(await whole({ prompt: undefined, messages: [{ role: 'user', content }] }))
  }
  if (title.startsWith('a prompt is sent once')) {
    await generateText({ model, prompt, maxRetries: 2 }).catch(() => {})
    return {}
  }
  if (title.startsWith('an error of the provider')) {
    return whole().then(plain, (error) => ({ error: `${error.message} ${error.lastError?.message ?? ''}` }))
  }
  if (/streamed|mid-stream/.test(title)) return { parts: await parts() }
  return plain(await whole())
}

/** Stops after the first text; resolves once the stream has ended. */
async function abort(quiet) {
  const leaving = new AbortController()
  const seen = { aborted: false, text: '' }
  const { fullStream } = streamText({ ...quiet, prompt: 'A story', abortSignal: leaving.signal })
  for await (const part of fullStream) {
    if (part.type === 'text-delta') {
      seen.text += part.text
      leaving.abort()
    }
    if (part.type === 'abort') seen.aborted = true
  }
  return seen
}

async function all(stream) {
  const every = []
  for await (const one of stream) every.push(one)
  return every
}

/** What crosses to the tests: a result of the AI SDK has getters, which IPC would not carry. */
function plain({ text, reasoningText, content, toolCalls, usage, finishReason, warnings }) {
  return { text, reasoningText, content, toolCalls, usage, finishReason, warnings }
}

globalThis.AI_SDK_LOG_WARNINGS = false
process.on('unhandledRejection', () => {})
const { fresh, resumed } = await PROVIDERS[name]()
process.on('message', async ({ title }) => {
  const answer = await run(title, fresh(), resumed).then(
    (outcome) => ({ outcome }),
    (error) => ({ failure: String(error?.stack ?? error) }),
  )
  process.send({ title, ...answer })
})
process.send({ ready: true })
