import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generate } from '../../index.js'
import { fail, hang, openCode, text, toolCall } from '../../testing/index.js'

// One with a password, one of the oldest dialect, which knows none.
const KITS = [{ version: '1.18.33', password: 'secret' }, { version: '1.1.31' }]

const said = async (opencode, more) => (await generate('hi', { ...opencode.options, ...more })).text

describe.each(KITS)('between two tests, with OpenCode $version', (options) => {
  let opencode
  beforeAll(async () => {
    opencode = await openCode(options)
  })
  afterAll(() => opencode?.close())

  it('`options` are all that a turn needs', async () => {
    opencode.model.reply(text('hello'))
    expect(await said(opencode)).toBe('hello')
    await opencode.endTest()
  })

  it('nothing of the first is left for the second', async () => {
    const { model, directory } = opencode
    writeFileSync(join(directory, 'file'), '')
    model.when('hi', text('first'))
    expect(await said(opencode)).toBe('first')
    const { requests } = model
    await opencode.endTest()

    expect(readdirSync(directory)).toEqual([])
    expect([model.requests, model.titleRequests, model.refused]).toEqual([[], [], []])
    // Who kept the list may still read it.
    expect(requests).toHaveLength(1)
    model.reply(text('second'))
    expect(await said(opencode)).toBe('second')
    // The first prompt would be among these, had `continue` found its session.
    model.reply(text('third'))
    await said(opencode, { continue: true })
    expect(model.requests.at(-1).messages.filter(({ role }) => role === 'user')).toHaveLength(2)
    await opencode.endTest()
  })

  it('a reply that was not used is told, and not kept', async () => {
    opencode.model.reply(text(['not ', 'used']), () => text('at all'), toolCall('bash', {}), fail(503))
    await expect(opencode.endTest()).rejects.toThrow(
      "not used: text('not ', 'used'), a function, tool-call(bash), fail(503)",
    )
    await opencode.endTest()
  })

  it('a request that nothing was scripted for is told', async () => {
    expect(await said(opencode)).toBe('No reply is scripted for: hi')
    await expect(opencode.endTest()).rejects.toThrow("not scripted: the request 'hi'")
    await opencode.endTest()
  })

  it('what a test leaves on purpose is forgotten by reset()', async () => {
    opencode.model.reply(text('not used'))
    opencode.model.reset()
    await opencode.endTest()
  })

  it.each([
    ['hangs', [text('Begun'), hang()]],
    ['waits for a provider', [fail(503)]],
    ['runs a tool', [toolCall('bash', { command: 'sleep 60', description: 'sleep' })]],
  ])('a turn that %s is over', async (_what, steps) => {
    opencode.model.reply(...steps)
    const ended = said(opencode).catch(({ code }) => code)
    const [request] = await opencode.model.waitForRequests()
    await opencode.endTest()
    await request.ended
    expect(await ended).toMatch(/^(Begun)?$|ERR_OPENCODE_(ABORTED_ELSEWHERE|SESSION_NOT_FOUND|EMPTY)/)
    opencode.model.reply(text('as if nothing had been'))
    expect(await said(opencode)).toBe('as if nothing had been')
    await opencode.endTest()
  })

  it('an OpenCode that is gone is told', async () => {
    await opencode.server.stop()
    await expect(opencode.endTest()).rejects.toThrow(/was gone when the test ended.*\n.*listening on/s)
  })
})

describe('openCode()', () => {
  it('leaves a directory of your own as it is', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'opencode-own-'))
    writeFileSync(join(directory, 'mine'), '')
    const opencode = await openCode({ version: '1.1.31', directory, title: 'T', fallback: [text('…')] })
    try {
      expect(await said(opencode)).toBe('…')
      // A fallback of one's own is a script, too.
      await opencode.endTest()
    } finally {
      await opencode.close()
    }
    expect(readdirSync(directory)).toEqual(['mine'])
    rmSync(directory, { recursive: true })
  })

  it('that cannot start leaves no model behind', async () => {
    await expect(openCode({ executable: '/nowhere/opencode' })).rejects.toThrow(/did not start: .*ENOENT/)
  })
})
