// `onLeave: 'detach'`: the reader goes, and the turn runs on inside OpenCode.
import { afterEach, describe, expect, it } from 'vitest'
import { generate, generateStream, OpenCode } from '../../index.js'
import testing from '../../testing/index.js'
import { countingProxy } from '../support/counting-proxy.mjs'
import { interruptingProxy } from '../support/interrupting-proxy.mjs'
import { realOpenCode, until } from '../support/real-opencode.mjs'

const { lockstep, text, toolCall } = testing
const SECOND = '2.0.15'

describe.each(['1.18.33', SECOND])('OpenCode %s', (version) => {
  const real = realOpenCode({ version, config: { permission: { bash: 'ask' } } })
  afterEach(() => real.model.reset())
  const shell = version === SECOND ? 'shell' : 'bash'
  const ask = toolCall(shell, { command: 'echo well', description: 'say so' })

  /** A turn that waits behind its first word, and what lets it go on. */
  const begun = (more, client = { generateStream }) => {
    const gate = lockstep()
    real.model.reply(text(['one ', 'two ', 'three'], { gate }))
    return { gate, stream: client.generateStream('count', real.options({ onLeave: 'detach', ...more })) }
  }

  const expectItRunsOn = async ({ gate, stream }) => {
    expect(stream.sessionID).toMatch(/^ses_/)
    // A response is left at its first event, which comes before the work.
    await until(() => real.busy(stream.sessionID))
    gate.release()
    await until(async () => !(await real.busy(stream.sessionID)))
    expect(await real.storedText(stream.sessionID)).toBe('one two three')
    expect(real.model.requests.at(-1).aborted).toBe(false)
  }

  const expectStopped = async ({ stream }) => {
    expect(await real.busy(stream.sessionID)).toBe(false)
    await until(() => real.model.requests.at(-1).aborted)
  }

  it.each([
    [
      '`break`',
      async (stream) => {
        for await (const _ of stream) break
      },
    ],
    [
      '`throw` in the loop',
      async (stream) => {
        const read = async () => {
          for await (const _ of stream) throw new Error('enough')
        }
        await expect(read()).rejects.toThrow('enough')
      },
    ],
    [
      '`return()` of the iterator',
      async (stream) => {
        const reader = stream[Symbol.asyncIterator]()
        await reader.next()
        expect(await reader.return()).toEqual({ value: undefined, done: true })
      },
    ],
    [
      '`await using`',
      async (stream) => {
        await stream[Symbol.asyncIterator]().next()
        await stream[Symbol.asyncDispose]()
      },
    ],
    [
      'a web stream that is cancelled',
      async (stream) => {
        const reader = stream.toReadableStream().getReader()
        await reader.read()
        await reader.cancel()
      },
    ],
    [
      'a client of a response that goes away',
      async (stream) => {
        const reader = stream.toResponse().body.getReader()
        await reader.read()
        await reader.cancel()
      },
    ],
  ])('%s lets it run on', async (_, leave) => {
    const turn = begun()
    await leave(turn.stream)
    const result = await turn.stream.result
    expect(result).toMatchObject({ finishReason: 'abort', sessionID: turn.stream.sessionID })
    expect('one '.startsWith(result.text)).toBe(true)
    await expectItRunsOn(turn)
  })

  it('`abort()` and `signal` stop it all the same, and so does the time that it has', async () => {
    const aborted = begun()
    for await (const _ of aborted.stream) await aborted.stream.abort()
    await expectStopped(aborted)

    const controller = new AbortController()
    const signalled = begun({ signal: controller.signal })
    const read = async () => {
      for await (const _ of signalled.stream) controller.abort('enough')
    }
    await expect(read()).rejects.toBe('enough')
    await expectStopped(signalled)

    const late = begun({ timeouts: { total: 5_000 } })
    await expect(late.stream.result).rejects.toMatchObject({ code: 'ERR_OPENCODE_TIMEOUT', accepted: true })
    expect(late.stream.sessionID).toMatch(/^ses_/)
    await expectStopped(late)
  })

  it('`close()` of the client lets it run on', async () => {
    const client = new OpenCode()
    const turn = begun({}, client)
    const reader = turn.stream[Symbol.asyncIterator]()
    await reader.next()
    const unanswered = reader.next()
    const ended = expect(unanswered).rejects.toMatchObject({ code: 'ERR_OPENCODE_CLOSED' })
    await client.close()
    await ended
    await expectItRunsOn(turn)
  })

  it('an event stream that is lost for good lets it run on', async () => {
    const proxy = await countingProxy(real.server.url)
    const turn = begun({ baseUrl: proxy.url, timeouts: { reconnect: 100 } })
    const reader = turn.stream[Symbol.asyncIterator]()
    await reader.next()
    await proxy.close()
    await expect(reader.next()).rejects.toMatchObject({
      code: 'ERR_OPENCODE_STREAM_LOST',
      sessionID: turn.stream.sessionID,
    })
    await expectItRunsOn(turn)
  })

  it.each(['passed', 'answered'])('left while its prompt is being %s on, it runs on', async (stage) => {
    const path = version === SECOND ? '/prompt' : '/prompt_async'
    let left
    const act = () => {
      left = turn.stream[Symbol.asyncDispose]()
    }
    const proxy = await interruptingProxy(real.server.url, { path, stage, act })
    const turn = begun({ baseUrl: proxy.url })
    expect(await turn.stream.result).toMatchObject({ finishReason: 'abort', route: 'server' })
    await left
    await expectItRunsOn(turn)
    proxy.close()
  })

  it('left before its prompt, it is never sent, and leaves no session', async () => {
    const path = version === SECOND ? '/api/session' : '/session'
    let left
    const act = () => {
      left = stream[Symbol.asyncDispose]()
    }
    const proxy = await interruptingProxy(real.server.url, { path, stage: 'passed', act })
    const stream = generateStream('never', real.options({ baseUrl: proxy.url, onLeave: 'detach' }))
    const { sessionID, route, text } = await stream.result
    await left
    expect({ sessionID, route, text }).toEqual({ sessionID: undefined, route: undefined, text: '' })
    expect(real.model.requests).toEqual([])
    expect(await real.active()).toEqual([])
    proxy.close()
  })

  it.each([
    ['', {}],
    [' with settings of its own', { system: 'Answer briefly.' }],
  ])('what it asks%s waits for others, and what was replied arrives', async (_, more) => {
    real.model.reply(ask).reply(text('Well.'))
    const options = real.options({ onLeave: 'detach', permission: 'event', ...more })
    const stream = generateStream('say so', options)
    for await (const { type, status } of stream.events) if (type === 'permission' && status === 'asked') break
    const { sessionID } = stream
    expect(await real.busy(sessionID)).toBe(true)
    // The next turn of the session waits for it, and answers what it asks.
    real.model.reply(text('Next.'))
    const next = await generate('and now?', real.options({ sessionID, permission: 'allow' }))
    expect(next).toMatchObject({ text: 'Next.', sessionID })
    expect(await real.storedText(sessionID)).toBe('Well.\n\nNext.')

    real.model.reply(ask)
    const second = generateStream('say so', options)
    for await (const event of second.events) {
      if (event.type !== 'permission') continue
      second.reply(event.id, 'reject')
      break
    }
    await until(async () => !(await real.busy(second.sessionID)))
  })

  it('the next turn of a conversation waits until it is over', async () => {
    const session = new OpenCode(real.options({ onLeave: 'detach' })).session()
    const gate = lockstep()
    real.model.reply(text(['Remember ', 'blue.'], { gate })).reply(text('Blue.'))
    const first = session.generateStream('Say a colour.')
    for await (const _ of first) break
    const second = session.generate('Which?')
    gate.release()
    expect(await second).toMatchObject({ text: 'Blue.', sessionID: session.id })
    expect(first.sessionID).toBe(session.id)
    expect(await real.storedText(session.id)).toBe('Remember blue.\n\nBlue.')
  })
})

describe(`a session of OpenCode ${SECOND}`, () => {
  const real = realOpenCode({ version: SECOND })

  it('is put back when the turn that runs on is over', async () => {
    const { sessionID } = await generate('Hello', real.options())
    const rules = async () => (await real.ask(`/api/session/${sessionID}`)).data.permissions ?? []
    const before = await rules()
    const gate = lockstep()
    real.model.reply(text(['one ', 'two'], { gate }))
    const options = real.options({ sessionID, onLeave: 'detach', tools: { bash: false } })
    for await (const _ of generateStream('count', options)) break
    expect(await rules()).not.toEqual(before)
    gate.release()
    await until(async () => JSON.stringify(await rules()) === JSON.stringify(before))
    expect(await real.busy(sessionID)).toBe(false)
  })
})
