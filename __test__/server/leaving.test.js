// Leaving stops the work inside OpenCode, however one leaves.
import { describe, expect, it } from 'vitest'
import { generate, generateStream } from '../../index.js'
import testing from '../../testing/index.js'
import { differences } from '../contract/differences.mjs'
import { realOpenCode, until } from '../support/real-opencode.mjs'

const { hang, lockstep, text } = testing

describe.each(['1.18.33', '1.1.31', '2.0.15'])('OpenCode %s', (version) => {
  const real = realOpenCode({ version })
  const { shell } = differences('server', version)

  /** A turn that would go on for ever: it stops after its first word. */
  const endless = (more) => {
    const gate = lockstep()
    real.model.reply(text(['one ', 'two ', 'three '], { gate }))
    return generateStream('count', real.options(more))
  }

  const expectIdle = async (sessionID) => {
    expect(sessionID).toMatch(/^ses_/)
    expect(await real.busy(sessionID)).toBe(false)
    await until(() => real.model.requests.at(-1).aborted)
  }

  it('`break` leaves the session idle and the text so far', async () => {
    const stream = endless()
    for await (const chunk of stream) {
      expect(chunk).toBe('one ')
      break
    }
    await expectIdle(stream.sessionID)
    expect(await stream.result).toMatchObject({ finishReason: 'abort', text: 'one ' })
  })

  it('`abort()` ends the iteration and leaves the session idle', async () => {
    const stream = endless()
    const chunks = []
    for await (const chunk of stream) {
      chunks.push(chunk)
      await stream.abort()
    }
    expect(chunks).toEqual(['one '])
    await expectIdle(stream.sessionID)
    expect((await stream.result).finishReason).toBe('abort')
  })

  it('a `signal` throws its reason and leaves the session idle', async () => {
    const controller = new AbortController()
    const stream = endless({ signal: controller.signal })
    const reason = new Error('enough')
    const read = async () => {
      for await (const _ of stream) controller.abort(reason)
    }
    await expect(read()).rejects.toBe(reason)
    await expect(stream.result).rejects.toBe(reason)
    await expectIdle(stream.sessionID)
  })

  it('`await using` leaves at the end of the block', async () => {
    const stream = endless()
    // What `await using` does, on a Node that does not parse it yet.
    await stream[Symbol.asyncIterator]().next()
    await stream[Symbol.asyncDispose]()
    await expectIdle(stream.sessionID)
  })

  it('leaving while a tool runs stops the tool', async () => {
    real.model.reply(shell('sleep 600'))
    const stream = generateStream('wait', real.options())
    for await (const event of stream.events) if (event.type === 'tool' && event.status === 'running') break
    expect(await real.busy(stream.sessionID)).toBe(false)
    expect((await stream.result).finishReason).toBe('abort')
  })

  it('leaving early leaves no empty session behind', async () => {
    real.model.when('early', hang())
    const before = (await real.sessions()).length
    for (let round = 0; round < 12; round++) {
      const stream = generateStream('early', real.options({ ephemeral: true }))
      const pull = stream[Symbol.asyncIterator]().next()
      for (let turn = 0; turn < round * 5; turn++) await new Promise(setImmediate)
      await stream.abort()
      await pull
    }
    expect(await real.sessions()).toHaveLength(before)
  })

  it('leaving before acceptance stops what the prompt would start', async () => {
    real.model.when('early', hang())
    for (let round = 0; round < 5; round++) {
      const stream = generateStream('early', real.options())
      const pull = stream[Symbol.asyncIterator]().next()
      // One event-loop turn later each time: before the connection, before the session, around the prompt.
      for (let turn = 0; turn < round * 20; turn++) await new Promise(setImmediate)
      await stream.abort()
      await pull
      const { finishReason } = await stream.result
      expect(finishReason).toBe('abort')
      // Leaving waits 5 s at most; a prompt that begins later than that is stopped when it does.
      await until(async () => (await real.active()).length === 0)
    }
  })

  it('leaving when all is over touches nothing: what runs in the session now goes on', async () => {
    real.model.reply(text('over'))
    const stream = generateStream('first', real.options())
    const { sessionID } = await stream.result
    const gate = lockstep()
    real.model.reply(text(['still ', 'here'], { gate }))
    await real.prompt(sessionID, 'of another client')
    await until(() => gate.sent === 1)
    await stream.abort()
    expect(await real.busy(sessionID)).toBe(true)
    gate.release()
    await until(async () => !(await real.busy(sessionID)))
    expect(await real.storedText(sessionID)).toBe('over\n\nstill here')
  })

  it('the next turn of a session that was left is answered', async () => {
    const first = endless()
    for await (const _ of first) break
    real.model.reply(text('second answer'))
    const second = await generate('go on', real.options({ sessionID: first.sessionID }))
    expect(second.text).toBe('second answer')
    expect(second.sessionID).toBe(first.sessionID)
  })
})
