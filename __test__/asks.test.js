// Asks that the user's own functions answer, as far as lib/ is answerable for them.
import { describe, expect, it, vi } from 'vitest'
import { collect, scripted, settle } from './support/scripted-stream.mjs'

const permission = {
  type: 'permission',
  id: 'per_1',
  sessionID: 'ses_1',
  permission: 'bash',
  patterns: ['ls'],
}
const questions = [{ question: 'Which?', options: [{ label: 'Blue' }] }]
const question = { type: 'question', id: 'que_1', sessionID: 'ses_1', questions }

/** A turn that asks, and ends once it has its answer. */
const asking = (ask, options) =>
  scripted((turn) => {
    turn.ask({ ask })
    turn.onAnswer = () => turn.finish()
  }, options)

describe('a function as `permission` or `question`', () => {
  it('gets the ask and a signal, and what it returns is the answer', async () => {
    const seen = []
    const onPermission = (...args) => {
      seen.push(args)
      return 'always'
    }
    const { stream, turns } = asking(permission, { permission: onPermission })
    await stream.result
    const { type, ...fields } = permission
    expect(seen).toEqual([[fields, { signal: expect.any(AbortSignal) }]])
    // Sent on, its type does not take the place of the message's own.
    expect([seen[0][0].type, { type: 'ask', ...seen[0][0] }.type]).toEqual([type, 'ask'])
    expect(turns[0].request.permission).toBe('call')
    expect(turns[0].answers).toEqual([{ id: 'per_1', reply: 'always', message: null }])
  })

  it.each([
    ['once', permission, { reply: 'once', message: null }],
    [{ reply: 'reject', message: 'use cat' }, permission, { reply: 'reject', message: 'use cat' }],
    [[['Blue']], question, { reply: [['Blue']] }],
    ['reject', question, { reply: 'reject' }],
  ])('%j answers, now or later', async (reply, ask, answer) => {
    for (const said of [() => reply, async () => reply]) {
      const { stream, turns } = asking(ask, { permission: said, question: said })
      await stream.result
      expect(turns[0].answers).toEqual([{ id: ask.id, ...answer }])
    }
  })

  it('is called though only text is read, or only the result', async () => {
    const once = vi.fn(() => 'once')
    await collect(asking(permission, { permission: once }).stream)
    await asking(permission, { permission: once }).stream.result
    expect(once).toHaveBeenCalledTimes(2)
  })

  it.each([
    ['throws', (error) => () => Promise.reject(error)],
    [
      'throws at once',
      (error) => () => {
        throw error
      },
    ],
  ])('that %s stops the turn, and that very error surfaces', async (_, fails) => {
    const error = new Error('nobody at home')
    const { stream, turns } = asking(permission, { permission: fails(error) })
    await expect(collect(stream)).rejects.toBe(error)
    await expect(stream.result).rejects.toBe(error)
    expect(turns[0].left).toBe(1)
    expect(turns[0].answers).toEqual([])
  })

  it.each([
    [permission, 'yes', /`permission` returned "yes"/],
    [permission, undefined, /`permission` returned undefined/],
    [permission, { reply: 'once', message: 'why' }, /`message` beside the reply 'once'/],
    [permission, { reply: 'once', remember: true }, /no reply/],
    [question, 'Blue', /`question` returned "Blue"/],
    [question, ['Blue'], /no reply/],
    [question, [['Blue'], ['Red']], /2 answers to 1 questions/],
  ])('that says to %o %o says nothing: an invalid option', async (ask, said, message) => {
    const { stream, turns } = asking(ask, { permission: () => said, question: () => said })
    const error = await stream.result.catch((error) => error)
    expect(error).toMatchObject({
      code: 'ERR_OPENCODE_INVALID_OPTION',
      message: expect.stringMatching(message),
      // The prompt had run as far as the ask.
      accepted: true,
      retryable: false,
      sessionID: 'ses_1',
    })
    expect(turns[0].left).toBe(1)
  })

  it('may do with the ask as it likes: the answer goes to what was asked', async () => {
    const spoils = (ask) => {
      ask.id = 'mine'
      ask.questions?.push({})
      return ask.type === 'question' ? [['Blue']] : 'once'
    }
    for (const ask of [permission, question]) {
      const { stream, turns } = asking(ask, { permission: spoils, question: spoils })
      await stream.result
      expect(turns[0].answers).toMatchObject([{ id: ask.id }])
    }
  })

  it('sees its signal abort when another client answered, and is not listened to any more', async () => {
    let signal
    const waits = (_, given) =>
      new Promise((_, reject) => {
        signal = given.signal
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    const { stream, turns } = scripted((turn) => turn.ask({ ask: permission }), { permission: waits })
    const result = stream.result.then((result) => result)
    await settle()
    expect(signal.aborted).toBe(false)
    turns[0].ask({ closed: 'per_1' })
    await settle()
    expect(signal.aborted).toBe(true)
    turns[0].finish()
    expect(await result).toMatchObject({ finishReason: 'stop' })
    expect(turns[0].answers).toEqual([])
  })

  it.each([
    ['abort()', (stream) => stream.abort()],
    ['the end of the turn', (_, turn) => turn.finish()],
  ])('that never answers holds nothing up: %s aborts its signal', async (_, end) => {
    let signal
    const never = (_, given) => {
      signal = given.signal
      return new Promise(() => {})
    }
    const { stream, turns } = scripted((turn) => turn.ask({ ask: permission }), { permission: never })
    const result = stream.result.then((result) => result)
    await settle()
    await end(stream, turns[0])
    await result
    expect(signal.aborted).toBe(true)
  })
})
