// Every way a turn ends, and what it comes to; and other clients on its session.
import { afterEach, describe, expect, it } from 'vitest'
import { generate, generateStream } from '../../index.js'
import testing from '../../testing/index.js'
import { differences } from '../contract/differences.mjs'
import { realOpenCode, until } from '../support/real-opencode.mjs'

const { fail, finish, hang, lockstep, text, usage } = testing

describe.each(['1.18.33', '1.1.31', '1.2.27', '2.0.15'])('OpenCode %s', (version) => {
  const real = realOpenCode({
    version,
    model: { cost: { input: 1, output: 2 } },
    config: { agent: { broken: { mode: 'primary', model: 'scripted/nothing' } } },
  })
  const differs = differences('server', version)
  // One that fails must not leave its replies to the next.
  afterEach(() => real.model.reset())

  it.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['content_filter', 'content-filter'],
  ])('a model that ends with %s: finishReason %s, and the text stands', async (reason, finishReason) => {
    real.model.reply(text(['as far ', 'as it went']), finish(reason))
    const result = await generate('go', real.options())
    expect(result).toMatchObject({ text: 'as far as it went', finishReason })
  })

  it('tokens and cost are those of all steps', async () => {
    real.model.reply(differs.shell('echo 1'), usage({ input: 1000, output: 100, cacheRead: 50 }))
    real.model.reply(text('done'), usage({ input: 2000, output: 200 }))
    const events = []
    for await (const event of generateStream('count', real.options()).events) events.push(event)
    const steps = events.filter(({ type }) => type === 'step-finish')
    expect(steps.map(({ usage }) => [usage.input, usage.output])).toEqual([
      [1000, 100],
      [2000, 200],
    ])
    const { usage: total, cost } = events.at(-1).result
    expect(total).toEqual({ input: 3000, output: 300, reasoning: 0, cacheRead: 50, cacheWrite: 0 })
    expect(cost).toBeCloseTo((3000 + 2 * 300) / 1e6, 9)
  })

  it('the title that OpenCode writes is an event', async () => {
    const gate = lockstep()
    real.model.reply(text(['one ', 'two'], { gate }))
    const titles = []
    for await (const event of generateStream('name me', real.options()).events) {
      if (event.type !== 'session') continue
      titles.push(event.title)
      if (event.title === 'Scripted title') gate.release()
    }
    expect(titles).toContain('Scripted title')
  })

  it('a context that overflows is compacted, and the summary is not the answer', async () => {
    const message = 'prompt is too long: 213462 tokens > 200000 maximum'
    const body = { error: { message, code: 'context_length_exceeded', type: 'invalid_request_error' } }
    real.model.reply(fail(400, { body }))
    const compacting = ({ messages }) => /summar/i.test(JSON.stringify(messages.at(-1)))
    real.model.when(compacting, text(differs.summary)).times(1)
    real.model.reply(text('the answer'))
    const outcome = await generate('a long story', real.options()).catch((error) => error)
    if (!differs.knowsOverflow) {
      // It does not recognise an overflow: the provider's error is the end.
      expect(outcome).toMatchObject({
        code: 'ERR_OPENCODE_PROVIDER',
        message: expect.stringContaining(message),
      })
    } else {
      expect(outcome).toMatchObject({ text: 'the answer', finishReason: 'stop' })
      expect(JSON.stringify(outcome.parts)).not.toContain(differs.summary.split('\n')[0])
    }
  })

  it('a turn without an answer and without an error is never taken for one', async () => {
    const error = await generate('go', real.options({ agent: 'broken' })).catch((error) => error)
    if (differs.generation === 2) {
      // OpenCode 2 would run the agent by the default model, in silence.
      expect(error).toMatchObject({ code: 'ERR_OPENCODE_MODEL_NOT_FOUND', accepted: false })
      expect(real.model.requests).toEqual([])
      return
    }
    const code = version === '1.1.31' ? 'ERR_OPENCODE_EMPTY' : 'ERR_OPENCODE_MODEL_NOT_FOUND'
    expect(error).toMatchObject({ code, accepted: true, sessionID: expect.stringMatching(/^ses_/) })
  })

  it('a model that says nothing at all ends with a step and no text', async () => {
    real.model.reply(finish('stop'))
    const result = await generate('go', real.options())
    expect(result).toMatchObject({ text: '', finishReason: expect.stringMatching(/stop|unknown/) })
  })

  describe('another client', () => {
    it('aborts the turn: an error that says so, with the text so far', async () => {
      const gate = lockstep()
      real.model.reply(text(['one ', 'two '], { gate }))
      const stream = generateStream('count', real.options())
      const read = async () => {
        for await (const _ of stream) await real.abort(stream.sessionID)
      }
      const error = await read().catch((error) => error)
      expect(error).toMatchObject({
        code: 'ERR_OPENCODE_ABORTED_ELSEWHERE',
        accepted: true,
        data: { text: 'one ' },
      })
      await expect(stream.result).rejects.toBe(error)
    })

    /** A session that another client keeps busy. */
    const busySession = async (...reply) => {
      const id = await real.newSession()
      real.model.reply(...reply)
      await real.prompt(id, 'of another client')
      await until(() => real.model.requests.at(-1)?.prompt === 'of another client')
      return id
    }

    it('keeps the session busy: the turn waits, and nothing is posted meanwhile', async () => {
      const gate = lockstep()
      const sessionID = await busySession(text(['theirs'], { gate }))
      const ours = generate('mine', real.options({ sessionID }))
      await until(() => gate.sent === 1)
      expect(real.model.requests.at(-1).prompt).toBe('of another client')
      real.model.reply(text('ours'))
      gate.release()
      expect((await ours).text).toBe('ours')
      expect(JSON.stringify(real.model.requests.at(-1).messages)).toContain('theirs')
    })

    it('keeps it busy for too long: an error, and their turn goes on', async () => {
      const sessionID = await busySession(hang())
      const error = await generate('mine', real.options({ sessionID, timeouts: 3_000 })).catch(
        (error) => error,
      )
      expect(error).toMatchObject({ code: 'ERR_OPENCODE_SESSION_BUSY', accepted: false, retryable: true })
      expect(await real.busy(sessionID)).toBe(true)
      await real.abort(sessionID)
    })
  })
})
