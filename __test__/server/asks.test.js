// Nothing waits for a person who is not there.
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { generate, generateStream } from '../../index.js'
import testing from '../../testing/index.js'
import { differences } from '../contract/differences.mjs'
import { countingProxy } from '../support/counting-proxy.mjs'
import { realOpenCode, until } from '../support/real-opencode.mjs'

const { text, toolCall } = testing
const INVALID = { code: 'ERR_OPENCODE_INVALID_OPTION' }

describe.each(['1.18.33', '1.1.31', '2.0.15'])('OpenCode %s', (version) => {
  const real = realOpenCode({ version, config: { permission: { bash: 'ask' } } })
  // One that fails must not leave its replies to the next.
  afterEach(() => real.model.reset())
  const differs = differences('server', version)
  const { shell, shellTool } = differs

  it('a turn that reads outside its directory ends without a person', async () => {
    const outside = join(tmpdir(), `outside-${process.pid}.txt`)
    writeFileSync(outside, 'not for the model')
    real.model.reply(text('Let me see. '), differs.reads(outside))
    const stream = generateStream('read it', real.options({ permission: 'reject' }))
    const events = []
    for await (const event of stream.events) events.push(event)
    const [ask, replied] = events.filter(({ type }) => type === 'permission')
    expect(ask).toMatchObject({ permission: 'external_directory', status: 'asked' })
    expect(ask).not.toHaveProperty('reply')
    expect(replied).toMatchObject({ id: ask.id, status: 'replied', reply: 'reject' })
    const result = await stream.result
    expect(result).toMatchObject({ finishReason: 'rejected', text: 'Let me see. ' })
    expect(result.asks).toMatchObject([{ id: ask.id, reply: 'reject' }])
    expect(JSON.stringify(result)).not.toContain('not for the model')
  })

  it('a rejected permission ends the turn there, and the tool did not run', async () => {
    real.model.reply(shell('touch forbidden'))
    const result = await generate('touch', real.options({ permission: 'reject' }))
    expect(result.finishReason).toBe('rejected')
    expect(result.asks).toMatchObject([
      { permission: shellTool, patterns: ['touch forbidden'], reply: 'reject' },
    ])
  })

  it('what nobody chose an answer for is an error that says what was asked', async () => {
    real.model.reply(text('I will. '), shell('touch forbidden'))
    const turn = generate('touch', real.options())
    await expect(turn).rejects.toMatchObject({
      code: 'ERR_OPENCODE_REJECTED',
      message: expect.stringContaining(`${shellTool} (touch forbidden)`),
      hint: expect.stringContaining("`permission: 'reject'`"),
      accepted: true,
      retryable: false,
      sessionID: expect.stringMatching(/^ses/),
      data: { ask: { type: 'permission', patterns: ['touch forbidden'], reply: 'reject' }, text: 'I will. ' },
      usage: { input: expect.any(Number) },
      cost: 0,
    })
    const questions = [{ question: 'Which?', header: 'Which', options: [{ label: 'A', description: 'a' }] }]
    real.model.reply(toolCall('question', { questions }))
    await expect(generate('ask me', real.options())).rejects.toMatchObject({
      code: 'ERR_OPENCODE_REJECTED',
      message: expect.stringContaining('Which?'),
      data: { ask: { type: 'question', questions } },
    })
  })

  it('a reader of the events replies to what is asked', async () => {
    const questions = [{ question: 'Which?', header: 'Which', options: [{ label: 'A', description: 'a' }] }]
    real.model.reply(shell('echo yes'))
    real.model.reply(toolCall('question', { questions }))
    real.model.reply(text('done'))
    const stream = generateStream('ask', real.options({ permission: 'event', question: 'event' }))
    const seen = []
    for await (const event of stream.events) {
      if (event.type !== 'permission' && event.type !== 'question') continue
      seen.push([event.type, event.status, event.reply])
      if (event.status === 'replied') continue
      expect(() => stream.reply('per_none', 'once')).toThrow(/no ask of that id/)
      expect(() => stream.reply(event.id, 'maybe')).toThrow(/"maybe"/)
      stream.reply(event.id, event.type === 'permission' ? 'once' : [['A']])
      expect(() => stream.reply(event.id, 'reject')).toThrow(expect.objectContaining(INVALID))
    }
    expect(seen).toEqual([
      ['permission', 'asked', undefined],
      ['permission', 'replied', 'once'],
      ['question', 'asked', undefined],
      ['question', 'replied', [['A']]],
    ])
    expect((await stream.result).text).toBe('done')
    expect(() => stream.reply('per_none', 'once')).toThrow(expect.objectContaining(INVALID))
  })

  it('a reader of the events replies to what was pending before the prompt, too', async () => {
    const id = await real.newSession()
    real.model.reply(shell('echo pending')).reply(text('so it was')).reply(text('free again'))
    await real.prompt(id, 'asked by a client that went away')
    await until(async () => (await real.asks()).length > 0)
    const stream = generateStream('go on', real.options({ sessionID: id, permission: 'event' }))
    const seen = []
    for await (const event of stream.events) {
      if (event.type === 'start' || event.type === 'permission') seen.push(event.status ?? event.type)
      if (event.status === 'asked') stream.reply(event.id, 'once')
    }
    expect(seen).toEqual(['asked', 'start', 'replied'])
    expect((await stream.result).text).toBe('free again')
  })

  it('`permission: allow` answers once to each', async () => {
    real.model.reply(shell('echo allowed'))
    real.model.reply(text('done'))
    const result = await generate('echo', real.options({ permission: 'allow' }))
    expect(result).toMatchObject({ text: 'done', finishReason: 'stop' })
    expect(result.asks).toMatchObject([{ reply: 'once' }])
  })

  it('`permission: leave` lets another client answer', async () => {
    real.model.reply(shell('echo left'))
    real.model.reply(text('done'))
    const stream = generateStream('echo', real.options({ permission: 'leave' }))
    for await (const event of stream.events) {
      if (event.type !== 'permission' || event.status !== 'asked') continue
      await real.allow(event)
    }
    expect((await stream.result).text).toBe('done')
  })

  it('a reply that does not get through is sent again', async () => {
    const proxy = await countingProxy(real.server.url)
    try {
      proxy.failNext(/POST .*\/permission\/.*\/reply/, 502)
      real.model.reply(shell('echo twice'))
      real.model.reply(text('done'))
      const result = await generate('echo', real.options({ permission: 'allow', baseUrl: proxy.url }))
      expect(result.text).toBe('done')
    } finally {
      proxy.close()
    }
  })

  it('a question is rejected', async () => {
    const questions = [{ question: 'Which?', header: 'Which', options: [{ label: 'A', description: 'a' }] }]
    real.model.reply(toolCall('question', { questions }))
    const result = await generate('ask me', real.options({ question: 'reject' }))
    expect(result.finishReason).toBe('rejected')
    expect(result.asks).toMatchObject([{ type: 'question', reply: 'reject' }])
  })

  it("a subagent's ask is answered too, and is told as the child's", async () => {
    real.model.when('child prompt', shell('echo child')).times(1)
    real.model.when('child prompt', text('child said'))
    real.model.reply(differs.delegates('child prompt'))
    real.model.reply(text('parent said'))
    const stream = generateStream('delegate', real.options({ permission: 'allow' }))
    const events = []
    for await (const event of stream.events) events.push(event)
    const { sessionID } = events[0]
    const ask = events.findLast(({ type }) => type === 'permission')
    expect(ask).toMatchObject({ parentSessionID: sessionID, reply: 'once' })
    const result = await stream.result
    expect(result.text).toBe('parent said')
  })

  it('an ask that was pending before is answered, and the session goes on', async () => {
    const id = await real.newSession()
    real.model.reply(shell('echo pending'))
    await real.prompt(id, 'asked by somebody who went away')
    await until(async () => (await real.asks()).length > 0)
    real.model.reply(text('free again'))
    const result = await generate('go on', real.options({ sessionID: id }))
    expect(result.text).toBe('free again')
    expect(result.asks).toMatchObject([{ permission: shellTool, reply: 'reject' }])
    expect(await real.asks()).toEqual([])
  })

  describe('functions', () => {
    const questions = [
      {
        question: 'Which?',
        header: 'Which',
        options: [
          { label: 'Blue', description: 'b' },
          { label: 'Red', description: 'r' },
        ],
      },
    ]
    const seenByTheModel = () => JSON.stringify(real.model.requests.at(-1).messages)

    it('`permission` is asked, and the tool runs or not as it says', async () => {
      real.model.reply(shell('echo ran-one'), shell('touch two'))
      real.model.reply(text('done'))
      const asked = []
      const permission = async (ask) => {
        asked.push(ask)
        return ask.patterns[0] === 'touch two' ? { reply: 'reject', message: 'use echo' } : 'once'
      }
      const result = await generate('both', real.options({ permission }))
      expect(asked[0]).toMatchObject({
        type: 'permission',
        sessionID: result.sessionID,
        permission: shellTool,
        tool: { callID: expect.any(String) },
      })
      expect(asked[0]).not.toHaveProperty('reply')
      // A rejection with a message lets the model go on.
      expect(result).toMatchObject({ text: 'done', finishReason: 'stop' })
      expect(result.asks.map(({ patterns, reply, message }) => [patterns[0], reply, message])).toEqual(
        expect.arrayContaining([
          ['echo ran-one', 'once', undefined],
          ['touch two', 'reject', 'use echo'],
        ]),
      )
      expect(seenByTheModel()).toContain('ran-one')
      expect(seenByTheModel()).toContain(
        differs.hidesWhy ? 'Unable to execute command: touch two' : 'use echo',
      )
    })

    it('`always` is asked once', async () => {
      real.model.reply(shell('ls -a'))
      real.model.reply(shell('ls -a'))
      real.model.reply(text('done'))
      let asked = 0
      const permission = () => {
        asked += 1
        return 'always'
      }
      const result = await generate('twice', real.options({ permission }))
      expect(result).toMatchObject({ text: 'done', asks: [{ reply: 'always' }] })
      expect(asked).toBe(1)
    })

    it('`question` answers, and the model reads it', async () => {
      real.model.reply(toolCall('question', { questions }))
      real.model.reply(text('blue it is'))
      const stream = generateStream('ask me', real.options({ question: () => [['Blue']] }))
      const events = []
      for await (const event of stream.events) events.push(event)
      const ask = events.findLast(({ type }) => type === 'question')
      expect(ask).toMatchObject({ questions: [{ question: 'Which?' }], reply: [['Blue']] })
      expect(await stream.result).toMatchObject({ text: 'blue it is', finishReason: 'stop', asks: [ask] })
      expect(seenByTheModel()).toMatch(/Which\?.{1,8}Blue/)
    })

    it("a subagent's ask goes to it too", async () => {
      real.model.when('asking child', shell('echo child')).times(1)
      real.model.when('asking child', text('child said'))
      real.model.reply(differs.delegates('asking child'))
      real.model.reply(text('parent said'))
      let parent
      const permission = (ask) => {
        parent = ask.parentSessionID
        return 'once'
      }
      const result = await generate('delegate', real.options({ permission }))
      expect(result.text).toBe('parent said')
      expect(parent).toBe(result.sessionID)
    })

    it('one that throws stops the turn inside OpenCode, and its error surfaces', async () => {
      real.model.reply(shell('touch never'))
      const error = new Error('no terminal')
      const permission = () => {
        throw error
      }
      const stream = generateStream('touch', real.options({ permission }))
      const read = async () => {
        for await (const _ of stream);
      }
      await expect(read()).rejects.toBe(error)
      await expect(stream.result).rejects.toBe(error)
      expect(await real.busy(stream.sessionID)).toBe(false)
      expect(await real.asks()).toEqual([])
    })

    it('one that never answers: leaving ends the turn, and no ask stays behind', async () => {
      real.model.reply(shell('touch never'))
      let asked
      const isAsked = new Promise((resolve) => {
        asked = resolve
      })
      const permission = (_, { signal }) => {
        asked(signal)
        return new Promise(() => {})
      }
      const stream = generateStream('touch', real.options({ permission }))
      const result = stream.result.then((result) => result)
      const signal = await isAsked
      await stream.abort()
      expect(await result).toMatchObject({ finishReason: 'abort' })
      expect(signal.aborted).toBe(true)
      expect(await real.busy(stream.sessionID)).toBe(false)
      expect(await real.asks()).toEqual([])
    })

    it('its signal aborts when another client was faster, and the turn goes on', async () => {
      real.model.reply(shell('echo faster'))
      real.model.reply(text('done'))
      const permission = (ask, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
          real.allow(ask)
        })
      const result = await generate('echo', real.options({ permission }))
      expect(result).toMatchObject({ text: 'done', asks: [{ reply: 'once' }] })
    })

    it('is asked what was pending before the prompt, too', async () => {
      const id = await real.newSession()
      real.model.reply(shell('echo was-pending'))
      real.model.reply(text('the other answer'))
      await real.prompt(id, 'of another client')
      await until(async () => (await real.asks()).length > 0)
      real.model.reply(text('mine'))
      const permission = async () => 'once'
      const result = await generate('go on', real.options({ sessionID: id, permission }))
      expect(result).toMatchObject({
        text: 'mine',
        asks: [{ patterns: ['echo was-pending'], reply: 'once' }],
      })
      expect(seenByTheModel()).toContain('the other answer')
    })
  })
})
