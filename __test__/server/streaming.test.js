// The first thing that must be true, on a real OpenCode of each era.
import { describe, expect, it } from 'vitest'
import { generate, generateStream } from '../../index.js'
import testing from '../../testing/index.js'
import { differences } from '../contract/differences.mjs'
import { realOpenCode } from '../support/real-opencode.mjs'

const { lockstep, reasoning, text } = testing

const words = (count) =>
  Array.from({ length: count }, (_, n) => `${['tok', 'größe', '日本', '😀'][n % 4]}${n} `)
// Releases up to 1.3.2 store a part without its trailing white space.
const stored = (version, answer) =>
  version.startsWith('1.1.') || version.startsWith('1.2.') ? trimParts(answer) : answer
const trimParts = (answer) =>
  answer
    .split('\n\n')
    .map((part) => part.trimEnd())
    .join('\n\n')

describe.each(['1.18.33', '1.1.31', '1.2.27', '1.14.48', '2.0.15'])('OpenCode %s', (version) => {
  const real = realOpenCode({ version })
  const { batches, lastEvent, payload, shell, shellTool } = differences('server', version)

  it('streams 50 tokens in lockstep: each leaves the model only after the reader had the one before', async () => {
    const gate = lockstep()
    const tokens = words(50)
    real.model.reply(reasoning(['let ', 'me ', 'think']), text('Looking. '), shell('echo tool-output'))
    real.model.reply(text(tokens, { gate }))
    const before = real.model.requests.length

    const stream = generateStream('what is here? (echo-of-the-prompt)', real.options())
    const chunks = []
    let seen = 0
    for await (const chunk of stream) {
      chunks.push(chunk)
      expect(chunk).not.toBe('')
      const received = chunks.join('')
      while (seen < tokens.length && received.includes(tokens[seen])) {
        seen += 1
        gate.seen()
      }
    }

    const result = await stream.result
    expect(seen).toBe(50)
    expect(chunks.length).toBeGreaterThanOrEqual(50)
    expect(chunks.join('')).toBe(result.text)
    expect(result.text).toBe(`Looking. \n\n${tokens.join('')}`)
    expect(stored(version, result.text)).toBe(await real.storedText(result.sessionID))
    expect(result.text).not.toMatch(/echo-of-the-prompt|think|tool-output/)
    expect(real.model.requests.length - before, "the turn's own calls of the model").toBe(2)
    expect(result).toMatchObject({ route: 'server', granularity: 'token', version, finishReason: 'stop' })
  })

  it('tells the whole turn as events, in order', async () => {
    real.model.reply(reasoning('hm'), shell('echo hello'))
    real.model.reply(text(['All ', 'done.']))

    const events = []
    for await (const event of generateStream('go', real.options()).events) events.push(event)

    const types = events.map(({ type }) => type).filter((type) => type !== 'session')
    expect(types[0]).toBe('start')
    expect(types.at(-1)).toBe('finish')
    const order = [
      'start',
      'step-start',
      'reasoning-start',
      'reasoning-delta',
      'tool',
      'step-finish',
      'text-start',
      'text-delta',
      'text-end',
      'finish',
    ].filter((type) => type !== 'tool' || !batches)
    const places = order.map((type) => types.indexOf(type))
    expect(places).toEqual([...places].sort((a, b) => a - b))
    expect(places).not.toContain(-1)
    expect(types.indexOf('tool')).toBeGreaterThan(types.indexOf('step-start'))
    expect(types.indexOf('tool')).toBeLessThan(types.indexOf('step-finish'))
    const tool = events.findLast(({ type }) => type === 'tool')
    expect(tool).toMatchObject({
      tool: shellTool,
      status: 'completed',
      output: expect.stringContaining('hello'),
    })
    const steps = events.filter(({ type }) => type === 'step-finish')
    const { result } = events.at(-1)
    expect(result.usage.output).toBe(steps.reduce((sum, { usage }) => sum + usage.output, 0))
    expect(result.parts.map(({ type }) => type)).toContain('tool')
  })

  it("tells OpenCode's own events too, if asked for with `raw`", async () => {
    real.model.reply(text('hello'))
    const events = []
    for await (const event of generateStream('go', real.options({ raw: true })).events) events.push(event)
    const raw = events.filter(({ type }) => type === 'raw').map(({ event }) => event.payload ?? event)
    expect(raw.map(({ type }) => type)).toContain(lastEvent)
    expect(raw.every((event) => event[payload])).toBe(true)
  })

  it('joins characters that a provider split, and keeps every other one', async () => {
    const strange = ['a\ud83d', '\ude00b', ' line\r\nline\t"quoted" \\ ', '\u2028', '👩‍👩‍👧‍👦']
    real.model.reply(text(strange))
    const { text: answer } = await generate('characters', real.options())
    expect(answer).toBe(strange.join(''))
  })
})
