// Compiled, never run: the provider in the AI SDK's own types.
import { generateText, type LanguageModel, Output, streamText } from 'ai'
import { createOpenCode, opencode } from 'opencode-stream/ai-sdk'
import { z } from 'zod'

export const provider = createOpenCode({ mode: 'server', baseUrl: 'http://127.0.0.1:4096', model: 'a/b' })
export const models: LanguageModel[] = [
  opencode(),
  opencode('anthropic/claude-sonnet-4-5', { agent: 'plan', permission: 'allow' }),
  provider.languageModel('default', { ephemeral: true }),
]

export async function asks() {
  const { text, providerMetadata } = await generateText({ model: opencode(), prompt: 'Hello' })
  const sessionID = String(providerMetadata?.opencode?.sessionID)
  const result = streamText({
    model: opencode(),
    prompt: text,
    output: Output.object({ schema: z.object({ city: z.string() }) }),
    providerOptions: { opencode: { sessionID } },
  })
  await provider.close()
  return (await result.output).city
}

// @ts-expect-error the model is the first argument
opencode('a/b', { model: 'a/b' })
// @ts-expect-error the signal is the call's `abortSignal`
opencode('a/b', { signal: new AbortController().signal })

export const withSettingsAlone = opencode({ agent: 'plan' })
// A model is a type of its own, and not `any`: that would take this without a word.
// @ts-expect-error a model has no such field
export const nothing = withSettingsAlone.nothing
