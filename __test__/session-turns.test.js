// Turns of a session that the first of them makes, as lib/ alone is answerable for them.
import { describe, expect, it } from 'vitest'
import { OpenCode } from '../lib/client.js'
import { scriptedBinding } from './support/scripted-binding.js'

function conversation(settings) {
  const native = scriptedBinding()
  return { session: new OpenCode({}, native).session(settings), turns: native.turns }
}

const failed = (more) => ({ code: 'ERR_OPENCODE_UNREACHABLE', message: 'no', ...more })

describe('a turn that waits for its session', () => {
  it('has waited when it begins, which counts for its time', async () => {
    const { session, turns } = conversation()
    const first = session.generate('one')
    const second = session.generate('two', { timeouts: { total: 60_000 } })
    expect(turns).toHaveLength(1)
    expect(turns[0].request.timeouts).toMatchObject({ total: null })
    turns[0].sessionID = 'ses_1'
    turns[0].say('One.')
    turns[0].finish()
    await first
    expect(turns[1].request).toMatchObject({
      session: { id: 'ses_1' },
      timeouts: { total: 60_000, waited: expect.any(Number) },
    })
    turns[1].finish()
    await second
  })

  it('runs out of time while it waits, and never begins', async () => {
    const { session, turns } = conversation()
    const first = session.generate('one')
    const second = session.generate('two', { timeouts: 20 })
    await expect(second).rejects.toMatchObject({
      code: 'ERR_OPENCODE_TIMEOUT',
      accepted: false,
      retryable: true,
      data: { phase: 'total' },
    })
    turns[0].sessionID = 'ses_1'
    turns[0].finish()
    await first
    expect(turns).toHaveLength(1)
  })

  it.each([
    ['took nothing', { accepted: false, sessionID: 'ses_7' }, null],
    ['may have taken its prompt', { accepted: 'unknown', sessionID: 'ses_7' }, 'ses_7'],
  ])('goes on in the session of a first turn only if OpenCode %s', async (_, failure, id) => {
    const { session, turns } = conversation()
    const first = session.generate('one')
    const others = [session.generate('two'), session.generate('three')]
    turns[0].fail(failed(failure))
    await expect(first).rejects.toMatchObject(failure)
    expect(turns[1].request.session.id).toBe(id)
    // With no session yet, the third waits for the second.
    expect(turns).toHaveLength(id === null ? 2 : 3)
    turns[1].sessionID = id ?? 'ses_8'
    turns[1].finish()
    await others[0]
    expect(turns[2].request.session.id).toBe(id ?? 'ses_8')
    turns[2].finish()
    await others[1]
    expect(session.id).toBe(id ?? 'ses_8')
  })

  it('that is left, or whose client is closed, was not sent', async () => {
    const native = scriptedBinding()
    const opencode = new OpenCode({ onLeave: 'detach' }, native)
    const session = opencode.session()
    session.generate('one').catch(() => {})
    const left = session.generateStream('two')
    const waits = left.result
    await left[Symbol.asyncDispose]()
    expect(await waits).toMatchObject({ finishReason: 'abort', route: undefined })
    const closed = session.generate('three')
    const refused = expect(closed).rejects.toMatchObject({ code: 'ERR_OPENCODE_CLOSED', accepted: false })
    await opencode.close()
    await refused
    expect(native.turns).toHaveLength(1)
    expect(native.turns[0].detached).toBe(1)
  })
})
