// The kit with OpenCode 2: started, scripted, told apart and cleared away as OpenCode 1 is.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  hang,
  lockstep,
  openCode,
  opencodeBinary,
  scriptedModel,
  startOpenCode,
  text,
  toolCall,
} from '../../testing/index.js'
import { clientOf, untilOver } from '../support/opencode-2.mjs'
import { isRunning } from '../support/running.mjs'

const VERSION = '2.0.15'

describe('a started OpenCode 2', () => {
  it('takes a password and more configuration, and is gone with its folders once stopped', async () => {
    const model = await scriptedModel()
    const config = { permission: { bash: 'ask' }, provider: { scripted: { name: 'Renamed' } } }
    const server = await startOpenCode({ version: VERSION, model, password: 'secret', config })
    try {
      expect([server.generation, server.password]).toEqual([2, 'secret'])
      const info = await (await clientOf(server)).call('GET', '/api/info')
      expect(await info.json()).toMatchObject({ version: VERSION, pid: server.pid })
      const stranger = await clientOf(server, { password: '' })
      expect((await stranger.call('GET', '/api/info')).status).toBe(401)
      const query = `location[directory]=${encodeURIComponent(server.directory)}`
      const config = await (await (await clientOf(server)).call('GET', `/api/config?${query}`)).json()
      const [{ info: seen }] = config.filter(({ type }) => type === 'document')
      // OpenCode 2 translates what the kit says in the words of OpenCode 1.
      expect(seen).toMatchObject({
        model: { providerID: 'scripted', model: 'model' },
        agents: { title: { model: { providerID: 'scripted', model: 'title' } } },
        providers: { scripted: { name: 'Renamed', settings: { baseURL: model.baseURL } } },
        permissions: [{ action: 'shell', resource: '*', effect: 'ask' }],
      })
      expect(new URL(server.url).port).not.toBe('4096')
    } finally {
      await Promise.all([server.stop(), server.stop()])
      await model.close()
    }
    expect(isRunning(server.pid)).toBe(false)
    expect([server.directory, model.env.HOME].filter(existsSync)).toEqual([])
  })

  it('has a password of its own without one, and ends by itself when its input does', async () => {
    const model = await scriptedModel()
    // As an executable, it is asked which OpenCode it is.
    const executable = await opencodeBinary(VERSION)
    expect(executable).toMatch(/@opencode\+cli-.*@2\.0\.15.*bin.opencode/)
    const server = await startOpenCode({ executable, model })
    try {
      expect(server.generation).toBe(2)
      expect(server.password).toMatch(/^[0-9a-f]{32}$/)
      expect(server.log()).not.toContain(server.password)
      const gone = new Promise((resolve) => server.child.once('exit', resolve))
      server.child.stdin.end()
      expect(await gone).toBe(0)
    } finally {
      await server.stop()
      await model.close()
    }
  })

  it('that fails to start says why, in its own words', async () => {
    const model = await scriptedModel()
    const start = startOpenCode({ version: VERSION, model, args: ['--no-such-flag'] })
    await expect(start).rejects.toThrow(/did not start: it ended with code 1\.[\s\S]*no-such-flag/)
    await model.close()
  })
})

describe('between two tests, with OpenCode 2', () => {
  let opencode
  let client
  beforeAll(async () => {
    opencode = await openCode({ version: VERSION })
    client = await clientOf(opencode.server)
  })
  afterAll(() => opencode?.close())

  const turn = async (prompt, onDelta) => {
    const { id } = await client.session()
    const events = await client.events()
    await client.prompt(id, prompt)
    return untilOver(events, id, onDelta)
  }

  it('`options` name the server and its password', () => {
    const { url, directory, password } = opencode.server
    expect(opencode.options).toEqual({
      mode: 'server',
      baseUrl: url,
      directory,
      username: 'opencode',
      password,
    })
  })

  it('each batch of text is read before the model gives the next token', async () => {
    const gate = lockstep()
    opencode.model.reply(text(['one ', 'two ', 'three'], { gate }))
    const batches = []
    const end = await turn('count', (delta) => {
      batches.push(delta)
      gate.seen()
    })
    expect([end, batches]).toEqual(['succeeded', ['one ', 'two ', 'three']])
    await opencode.endTest()
  })

  it('titles are told apart from answers', async () => {
    const { model } = opencode
    model.when('hi', text('hello'))
    await turn('hi')
    await expect.poll(() => model.titleRequests.length).toBe(1)
    expect(model.requests.map(({ prompt }) => prompt)).toEqual(['hi'])
    expect(model.requests[0].tools).toContain('shell')
    expect(model.refused).toEqual([])
    await opencode.endTest()
  })

  it('nothing of the first is left for the second', async () => {
    const { model, directory } = opencode
    writeFileSync(join(directory, 'file'), '')
    model.reply(text('first'))
    await turn('hi')
    await opencode.endTest()
    expect(readdirSync(directory)).toEqual([])
    expect([model.requests, model.titleRequests, model.refused]).toEqual([[], [], []])
    expect(await client.data('GET', `/api/session?directory=${encodeURIComponent(directory)}`)).toEqual([])
  })

  it('a reply that was not used is told, and not kept', async () => {
    opencode.model.reply(text('not used'))
    await expect(opencode.endTest()).rejects.toThrow("not used: text('not used')")
    await opencode.endTest()
  })

  it.each([
    ['hangs', [text('Begun'), hang()]],
    ['runs a tool', [toolCall('shell', { command: 'sleep 60', description: 'sleep' })]],
  ])('a turn that %s is over', async (_what, steps) => {
    opencode.model.reply(...steps)
    const ended = turn('hi')
    const [request] = await opencode.model.waitForRequests()
    await opencode.endTest()
    await request.ended
    expect(await ended).toBe('interrupted')
    opencode.model.reply(text('as if nothing had been'))
    let said = ''
    await turn('hi', (delta) => {
      said += delta
    })
    expect(said).toBe('as if nothing had been')
    await opencode.endTest()
  })
})
