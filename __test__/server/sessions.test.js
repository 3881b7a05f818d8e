// Which session a turn goes to, and what of it stays.
import { rmSync, symlinkSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { generate, generateStream, OpenCode } from '../../index.js'
import testing from '../../testing/index.js'
import { differences } from '../contract/differences.mjs'
import { realOpenCode } from '../support/real-opencode.mjs'

const { lockstep, text } = testing

describe.each(['1.18.33', '1.1.31', '2.0.15'])('OpenCode %s', (version) => {
  const real = realOpenCode({ version })
  const differs = differences('server', version)
  // One that fails must not leave its replies to the next.
  afterEach(() => real.model.reset())
  const say = (prompt, more) => {
    real.model.reply(text(`answer to ${prompt}`))
    return generate(prompt, real.options(more))
  }

  it('a new session each time, of the directory asked for', async () => {
    const [one, two] = [await say('one'), await say('two')]
    expect(one.sessionID).not.toBe(two.sessionID)
    expect((await real.session(one.sessionID)).directory).toBe(real.server.directory)
  })

  it('`sessionID` goes on with a session: the model sees what was said', async () => {
    const { sessionID } = await say('remember blue')
    const next = await say('which colour?', { sessionID })
    expect(next).toMatchObject({ sessionID, text: 'answer to which colour?' })
    const seen = JSON.stringify(real.model.requests.at(-1).messages)
    expect(seen).toContain('remember blue')
    expect(seen).toContain('answer to remember blue')
  })

  it('`sessionID` alone is enough: the session knows its directory', async () => {
    const { sessionID } = await say('here')
    real.model.reply(text('still here'))
    const { text: answer } = await generate('go on', real.options({ directory: undefined, sessionID }))
    expect(answer).toBe('still here')
  })

  it('`continue` is the newest root session of the directory', async () => {
    await say('older')
    const newest = await say('newest')
    expect((await say('next', { continue: true })).sessionID).toBe(newest.sessionID)
  })

  // To 1.1.31 a link is a directory of its own.
  it.runIf(differs.resolvesLinks)('`continue` knows the directory by any of its names', async () => {
    const link = `${real.server.directory}-link`
    symlinkSync(real.server.directory, link)
    try {
      const newest = await say('by its own name')
      expect((await say('by a link', { directory: link, continue: true })).sessionID).toBe(newest.sessionID)
    } finally {
      rmSync(link)
    }
  })

  it.runIf(differs.decodesDirectories)(
    'a directory that OpenCode would take for another one is refused',
    async () => {
      const directory = `${real.server.directory}/a%20b`
      const error = await generate('where?', real.options({ directory })).catch((error) => error)
      expect(error).toMatchObject({ code: 'ERR_OPENCODE_UNSUPPORTED_OPTION', accepted: false })
    },
  )

  it('`fork` leaves the original as it was', async () => {
    const { sessionID } = await say('trunk')
    const branch = await say('branch', { sessionID, fork: true })
    expect(branch.sessionID).not.toBe(sessionID)
    expect(branch.text).toBe('answer to branch')
    expect(JSON.stringify(real.model.requests.at(-1).messages)).toContain('trunk')
    expect(await real.messages(sessionID)).toHaveLength(2)
  })

  it('`title` names the session', async () => {
    const { sessionID } = await say('title me', { title: 'A name of its own' })
    expect((await real.session(sessionID)).title).toBe('A name of its own')
  })

  it('`ephemeral` leaves no session behind, whether the turn ended or was left', async () => {
    const before = (await real.sessions()).length
    const { text: answer } = await say('gone', { ephemeral: true })
    expect(answer).toBe('answer to gone')
    real.model.reply(text(['a', 'b'], { gate: lockstep() }))
    for await (const _ of generateStream('left', real.options({ ephemeral: true }))) break
    expect(await real.sessions()).toHaveLength(before)
  })

  it('`model`, `agent` and `system` reach the model', async () => {
    await say('as planned', { model: 'scripted/model', agent: 'plan', system: 'Speak like a pirate.' })
    const request = real.model.requests.at(-1)
    expect(request.body.model).toBe('model')
    expect(JSON.stringify(request.messages)).toContain('Speak like a pirate.')
    expect(await real.agentOf((await say('x', { continue: true })).sessionID)).toBe('plan')
  })

  it('two turns on one session at once go one after the other', async () => {
    const { sessionID } = await say('first')
    const client = new OpenCode(real.options({ sessionID }))
    real.model.reply(text('second answer'))
    real.model.reply(text('third answer'))
    // By another name of the same server, too.
    const baseUrl = real.server.url.replace('127.0.0.1', 'localhost')
    const answers = await Promise.all([
      client.generate('second'),
      client.generate('third', { baseUrl, password: real.server.password }),
    ])
    expect(answers.map((answer) => answer.text)).toEqual(['second answer', 'third answer'])
    await client.close()
  })

  it('a second prompt at once after a failed turn is answered', async () => {
    // OpenCode loses a prompt that comes between the idle and the end of a failed turn.
    real.model.reply(testing.fail(401))
    const error = await generate('fails', real.options()).catch((error) => error)
    const next = await say('works', { sessionID: error.sessionID })
    expect(next.text).toBe('answer to works')
  })
})
