// opencode.session(): one session for all turns, and findPrompt(), on the real OpenCode.
import { afterEach, describe, expect, it } from 'vitest'
import { OpenCode } from '../../index.js'
import testing from '../../testing/index.js'
import { countingProxy } from '../support/counting-proxy.mjs'
import { interruptingProxy } from '../support/interrupting-proxy.mjs'
import { realOpenCode } from '../support/real-opencode.mjs'

const { hang, text } = testing

describe.each(['1.18.33', '2.0.15'])('a conversation with OpenCode %s', (version) => {
  const real = realOpenCode({ version })
  const isSecond = real.generation === 2
  const path = (rest) => (isSecond ? `/api/session${rest}` : `/session${rest}`)
  afterEach(() => real.model.reset())
  const client = () => new OpenCode(real.options())

  it('two first prompts at once are one session, in call order', async () => {
    const session = client().session({ title: 'A talk' })
    expect(session.id).toBeUndefined()
    real.model.reply(text('I will.')).reply(text('Blue.'))
    const [first, second] = await Promise.all([
      session.generate('Remember blue.'),
      session.generate('Which colour?'),
    ])
    expect(first.sessionID).toBe(session.id)
    expect(second).toMatchObject({ sessionID: session.id, text: 'Blue.' })
    expect(JSON.stringify(real.model.requests.at(-1).messages)).toContain('Remember blue.')
    expect(await real.session(session.id)).toMatchObject({ title: 'A talk' })
  })

  it('leaving the first turn keeps the session', async () => {
    const session = client().session()
    real.model.reply(text('Once upon'), hang())
    for await (const _ of session.generateStream('A story.')) break
    const { id } = session
    expect(id).toMatch(/^ses/)
    real.model.reply(text('Again.'))
    expect(await session.generate('Once more.')).toMatchObject({ sessionID: id, text: 'Again.' })
    expect(JSON.stringify(real.model.requests.at(-1).messages)).toContain('A story.')
  })

  it('a turn that waits for the session can be left, and the first one may fail', async () => {
    const session = client().session({ model: 'nobody/nothing' })
    const first = session.generateStream('one')
    const second = session.generateStream('two', { model: 'scripted/model' })
    const third = session.generateStream('three', { model: 'scripted/model' })
    real.model.reply(text('Two.'))
    const failed = expect(first.result).rejects.toMatchObject({ code: 'ERR_OPENCODE_MODEL_NOT_FOUND' })
    const [left, answered] = [third.result, second.result]
    await third.abort()
    await failed
    expect(await left).toMatchObject({ finishReason: 'abort', text: '' })
    expect(await answered).toMatchObject({ text: 'Two.', sessionID: session.id })
  })

  it('the wait for the session counts for `total`', async () => {
    const release = deferred()
    const held = { path: '/session', stage: 'held', act: () => release.promise }
    const proxy = await interruptingProxy(real.server.url, held)
    const session = new OpenCode(real.options({ baseUrl: proxy.url })).session()
    real.model.reply(text('One.')).reply(text('Three.'))
    const first = session.generate('one')
    const third = session.generate('three', { timeouts: { total: 60_000 } })
    await expect(session.generate('two', { timeouts: { total: 50 } })).rejects.toMatchObject({
      code: 'ERR_OPENCODE_TIMEOUT',
      accepted: false,
      data: { phase: 'total' },
      message: expect.stringContaining('50 ms'),
    })
    release.resolve()
    expect([(await first).text, (await third).text]).toEqual(['One.', 'Three.'])
    expect(real.model.requests.map(({ prompt }) => prompt)).toEqual(['one', 'three'])
    proxy.close()
  })

  it('of a session that is named goes on in a new one once that is deleted', async () => {
    real.model.reply(text('One.')).reply(text('Two.')).reply(text('Three.'))
    const { sessionID } = await client().generate('one')
    const session = client().session({ sessionID })
    await session.generate('two')
    const deleted = session.delete()
    // Not of the session that goes.
    const { sessionID: next } = await session.generate('three')
    await deleted
    expect(next).not.toBe(sessionID)
    expect(session.id).toBe(next)
    const ids = (await real.sessions()).map(({ id }) => id)
    expect(ids).toContain(next)
    expect(ids).not.toContain(sessionID)
  })

  it('one that cannot be deleted is kept', async () => {
    real.model.reply(text('One.')).reply(text('Two.'))
    const proxy = await countingProxy(real.server.url)
    const session = new OpenCode(real.options({ baseUrl: proxy.url })).session()
    const { sessionID } = await session.generate('one')
    proxy.failNext(/^DELETE/, 403)
    await expect(session.delete()).rejects.toMatchObject({ code: 'ERR_OPENCODE_UNAUTHORIZED' })
    expect(session.id).toBe(sessionID)
    // One that somebody else deleted is gone, as was wished.
    await real.ask(path(`/${sessionID}`), { method: 'DELETE' })
    await session.delete()
    expect(session.id).toBeUndefined()
    proxy.close()
  })

  it('forks, and deletes', async () => {
    const session = client().session()
    expect(() => session.fork()).toThrow(/does not exist yet/)
    expect(() => session.generate('x', { sessionID: 'ses_1' })).toThrow(/has its session/)
    expect(() => client().session({ ephemeral: true })).toThrow(/ephemeral/)
    real.model.reply(text('Yes.')).reply(text('Green.'))
    await session.generate('Remember blue.')
    const copy = session.fork()
    const { sessionID } = await copy.generate('And with yellow?')
    expect(sessionID).toBe(copy.id)
    expect(copy.id).not.toBe(session.id)
    expect(JSON.stringify(real.model.requests.at(-1).messages)).toContain('Remember blue.')
    await copy.delete()
    expect((await real.sessions()).map(({ id }) => id)).not.toContain(sessionID)
    expect(copy.id).toBeUndefined()
  })

  it('a prompt is found in its session, or not', async () => {
    const opencode = client()
    real.model.reply(text('Hi.'))
    const { sessionID } = await opencode.generate('Say hi.')
    const found = await opencode.findPrompt('Say hi.', { sessionID })
    expect(found).toEqual({ sessionID, messageID: expect.stringMatching(/^msg/) })
    expect(await opencode.findPrompt('Never said.', { sessionID })).toBeUndefined()
    // An id as OpenCode makes them: 2.0.15 refuses others as malformed.
    const none = `${sessionID.slice(0, -4)}none`
    const nowhere = opencode.findPrompt('Say hi.', { sessionID: none })
    await expect(nowhere).rejects.toMatchObject({ code: 'ERR_OPENCODE_SESSION_NOT_FOUND' })
  })

  it('a prompt of several texts is found by all of them, and so is one that asks for JSON', async () => {
    const opencode = client()
    const parts = [
      { type: 'text', text: 'First this.' },
      { type: 'text', text: 'Then that.' },
    ]
    real.model.reply(text('Done.')).reply(text('{"n":1}'))
    const { sessionID } = await opencode.generate(parts)
    const found = await opencode.findPrompt(parts, { sessionID })
    expect(found).toEqual({ sessionID, messageID: expect.stringMatching(/^msg/) })
    await opencode.generateJson('Count.', { sessionID, schema: { type: 'object' } })
    const second = await opencode.findPrompt('Count.', { sessionID })
    expect(second).toEqual({ sessionID, messageID: expect.stringMatching(/^msg/) })
    expect(second.messageID).not.toBe(found.messageID)
  })

  it.runIf(isSecond)('a prompt that waits behind another one is found too', async () => {
    const opencode = client()
    const { sessionID } = await opencode.generate('Begin.')
    real.model.reset()
    real.model.reply(text('Some '), hang())
    const running = opencode.generateStream('Go on.', { sessionID })
    for await (const event of running.events) {
      if (event.type !== 'text-delta') continue
      const body = JSON.stringify({ text: 'And then?', delivery: 'queue' })
      const { data } = await real.ask(path(`/${sessionID}/prompt`), { method: 'POST', body })
      const found = await opencode.findPrompt('And then?', { sessionID })
      expect(found).toEqual({ sessionID, messageID: data.id })
      await real.ask(path(`/${sessionID}/inbox/${data.id}`), { method: 'DELETE' })
      expect(await opencode.findPrompt('And then?', { sessionID })).toBeUndefined()
      break
    }
  })
})

function deferred() {
  let resolve
  const promise = new Promise((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
