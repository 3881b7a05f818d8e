// The same for every provider of OpenCode. `script` says what the model will answer; `run` is what a user of the AI SDK
// writes, in a process of its own with Node 22; `check` looks at what came out, and at what the model was asked.
import { expect } from 'vitest'
import testing from '../../testing/index.js'

const { fail, finish, hang, lockstep, reasoning, text, toolCall, usage } = testing
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const CITY = { city: 'Paris', people: 2 }

/** The cases, with the tools of a generation of OpenCode. */
export const casesWith = ({ shell, shellTool, reads, delegates }) => ({
  'generateText: the text': {
    script: (model) => model.reply(text(['Hel', 'lo'])),
    check: ({ text, finishReason }) => expect([text, finishReason]).toEqual(['Hello', 'stop']),
  },
  'streamText: each token before the next one leaves the model': {
    script(model, story) {
      story.gate = lockstep()
      model.reply(text(['one ', 'two ', 'three'], { gate: story.gate }))
    },
    check: ({ chunks }) => expect(chunks).toEqual(['one ', 'two ', 'three']),
  },
  'reasoning, apart from the text': {
    script: (model) => model.reply(reasoning(['Let me ', 'see.']), text('It is late.')),
    check: ({ text, reasoningText }) => expect([reasoningText, text]).toEqual(['Let me see.', 'It is late.']),
  },
  'reasoning is streamed as such': {
    script: (model) => model.reply(reasoning(['Let me ', 'see.']), text('It is late.')),
    check: ({ parts }) => {
      const joined = (type) =>
        parts
          .filter((part) => part.type === type)
          .map(({ text }) => text)
          .join('')
      expect([joined('reasoning-delta'), joined('text-delta')]).toEqual(['Let me see.', 'It is late.'])
    },
  },
  'a tool: its call and its result, executed by the provider': {
    script: (model) => model.reply(shell('echo 42')).reply(text('Done.')),
    check({ content, toolCalls }) {
      expect(toolCalls).toMatchObject([
        { toolName: shellTool, input: { command: 'echo 42' }, providerExecuted: true, dynamic: true },
      ])
      const result = content.find(({ type }) => type === 'tool-result')
      expect(JSON.stringify(result.output)).toContain('42')
    },
  },
  'a tool is streamed: input, call, result, in this order': {
    script: (model) => model.reply(shell('echo 42')).reply(text('Done.')),
    check({ parts }) {
      const types = parts
        .map(({ type }) => type)
        .filter((type) => /^tool-(input-start|call|result)$/.test(type))
      expect(types).toEqual(['tool-input-start', 'tool-call', 'tool-result'])
    },
  },
  'a tool that fails is a tool error': {
    script: (model) => model.reply(reads('nothing-here')).reply(text('No such file.')),
    check({ content, text }) {
      expect(content.map(({ type }) => type)).toContain('tool-error')
      expect(text).toBe('No such file.')
    },
  },
  'texts before and after a tool are not run together': {
    script: (model) => model.reply(text('Before.'), shell('true')).reply(text('After.')),
    check: ({ text }) => expect(text).toMatch(/^Before\.\s+After\.$/),
  },
  'the words of a subagent are not the answer': {
    script(model) {
      model.when('sub question', text('The words of a subagent.'))
      model.reply(delegates('sub question')).reply(text('My own.'))
    },
    check: ({ text }) => expect(text).toBe('My own.'),
  },
  'usage, cached and reasoning tokens too': {
    script: (model) => model.reply(text('ok'), usage({ input: 30, output: 5, reasoning: 3, cacheRead: 7 })),
    check: ({ usage: { inputTokens, outputTokens, inputTokenDetails, outputTokenDetails } }) =>
      expect({ inputTokens, outputTokens, inputTokenDetails, outputTokenDetails }).toMatchObject({
        inputTokens: 37,
        outputTokens: 8,
        inputTokenDetails: { noCacheTokens: 30, cacheReadTokens: 7 },
        outputTokenDetails: { textTokens: 5, reasoningTokens: 3 },
      }),
  },
  'usage is that of all steps': {
    script(model) {
      model.reply(shell('true'), usage({ input: 10, output: 1 }))
      model.reply(text('ok'), usage({ input: 20, output: 2 }))
    },
    check: ({ usage }) => expect([usage.inputTokens, usage.outputTokens]).toEqual([30, 3]),
  },
  'finish reason: the model ran out of tokens': {
    script: (model) => model.reply(text('cut of'), finish('length')),
    check: ({ finishReason }) => expect(finishReason).toBe('length'),
  },
  'abort: it ends, and so does the work inside OpenCode': {
    script: (model) => model.reply(text('Once upon'), hang()),
    async check({ aborted, text }, [request]) {
      expect({ aborted, text }).toEqual({ aborted: true, text: 'Once upon' })
      await request.ended
      expect(request.aborted).toBe(true)
    },
  },
  'structured output: generateText with Output.object': {
    script: answersInJson,
    check: ({ output }) => expect(output).toEqual(CITY),
  },
  'structured output: streamText with Output.object': {
    script: answersInJson,
    check: ({ output }) => expect(output).toEqual(CITY),
  },
  'structured output: generateObject': {
    script: answersInJson,
    check: ({ object }) => expect(object).toEqual(CITY),
  },
  'warnings for what cannot be honoured': {
    script: (model) => model.reply(text('ok')),
    check({ warnings }) {
      const told = JSON.stringify(warnings)
      const given = [/temperature/, /topP/, /topK/, /max(Output)?Tokens/, /stopSequences/, /seed/, /tool/i]
      for (const feature of given) expect(told).toMatch(feature)
    },
  },
  'the system prompt reaches the model': {
    script: (model) => model.reply(text('Arr.')),
    check: (_, [{ messages }]) =>
      expect(JSON.stringify(messages.filter(({ role }) => role === 'system'))).toContain('You are a pirate.'),
  },
  'what was said before reaches the model': {
    script: (model) => model.reply(text('Alice.')),
    check(_, [{ messages }]) {
      const all = JSON.stringify(messages)
      expect(all).toContain('My name is Alice.')
      expect(all).toContain('Nice to meet you.')
      expect(all).toContain('What is my name?')
    },
  },
  'a session is gone on with, and told by the result': {
    script: (model) => model.reply(text('Noted.')).reply(text('Blue.')),
    check({ text }, [, { messages }]) {
      expect(text).toBe('Blue.')
      expect(messages.filter(({ role }) => role === 'assistant')).toHaveLength(1)
    },
  },
  'an image reaches the model': {
    script: (model) => model.reply(text('A pixel.')),
    check: (_, [{ messages }]) => expect(JSON.stringify(messages)).toContain(PIXEL),
  },
  'an error of the provider is thrown, with its words': {
    script: (model) => model.reply(fail(401, { message: 'bad key' })),
    check: ({ error }) => expect(error).toContain('bad key'),
  },
  'an error in mid-stream is a part of the stream': {
    script: (model) => model.reply(text('So far'), fail(400, { message: 'bad day' })).reply(fail(401)),
    check({ parts }) {
      expect(parts.find(({ type }) => type === 'text-delta')?.text).toBe('So far')
      expect(parts.map(({ type }) => type)).toContain('error')
    },
  },
  'a prompt is sent once, though the AI SDK is told to try again': {
    script: (model) => model.reply(fail(401)).reply(fail(401)).reply(fail(401)),
    check: (_, requests) => expect(requests).toHaveLength(1),
  },
})

/** Native structured output is a tool that OpenCode makes the model call. */
function answersInJson(model) {
  model.reply(({ tools }) =>
    tools.includes('StructuredOutput') ? toolCall('StructuredOutput', CITY) : text(JSON.stringify(CITY)),
  )
  model.when(/^never$/, text(''))
}
