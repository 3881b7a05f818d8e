// A server that is slow, broken or hostile hurts its own turn at most: no other turn, no other client, nothing that
// outlives the turn.
import { afterEach, describe, expect, it } from 'vitest'
import { OpenCode } from '../../index.js'
import { until } from '../support/real-opencode.mjs'
import { json, smallOpenCode } from './small-opencode.mjs'

let server
let client
async function start(setup, options) {
  server = await smallOpenCode(setup)
  client = new OpenCode({ ...server.options, ...options })
  return server
}
afterEach(async () => {
  server.close()
  await client.close()
})
const outcome = (promise) =>
  promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  )
/** Lets whatever was answered before have its effect: each of these is answered behind it. */
async function roundTrips() {
  for (let i = 0; i < 20; i++) await fetch(`${server.url}/path`)
}
const gate = () => {
  let open
  const opened = new Promise((resolve) => {
    open = resolve
  })
  return { open, opened }
}

describe('nothing waits for ever', () => {
  it('for an event stream that drips comments and never greets', async () => {
    const drip = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => response.write(': ping\n\n'), 20)
      response.on('close', () => clearInterval(timer))
      return true
    }
    await start({ hook: (_, response, { path }) => path === '/event' && drip(response) })
    await expect(client.generate('hi', { timeouts: { connect: 300 } })).rejects.toMatchObject({
      code: 'ERR_OPENCODE_TIMEOUT',
      data: { phase: 'connect' },
      accepted: false,
    })
  })

  it('for a chain of subagents without an end', async () => {
    let count = 0
    const hook = (_, response, { match }) =>
      match?.[2] === 'children' && json(response, [{ id: `ses_child${++count}` }])
    await start({ hook })
    const { id: sessionID } = server.newSession()
    await expect(client.generate('hi', { sessionID, timeouts: { accept: 500 } })).rejects.toMatchObject({
      code: 'ERR_OPENCODE_TIMEOUT',
      accepted: false,
    })
  })
})

describe("a turn's limits are its own", () => {
  it('limits.record: what is too long for one turn ends only that, and only if it is its own', async () => {
    const theOther = gate()
    const onPrompt = async (id, text) => {
      const turn = server.begin(id, text)
      if (text === 'small') await theOther.opened
      server.say(turn, text === 'small' ? 'ok' : 'x'.repeat(20_000))
      server.end(turn)
    }
    await start({ onPrompt })
    const small = outcome(client.generate('small', { limits: { record: 5_000 } }))
    const own = outcome(client.generate('own', { limits: { record: 5_000 } }))
    expect((await own).error).toMatchObject({ code: 'ERR_OPENCODE_LIMIT', accepted: true })
    expect((await client.generate('large')).text).toHaveLength(20_000)
    theOther.open()
    expect((await small).value.text).toBe('ok')
  })

  it('timeouts.idle: the impatient turn connects anew, and no other does', async () => {
    const over = gate()
    const onPrompt = async (id, text) => {
      const turn = server.begin(id, text)
      await over.opened
      server.say(turn, text)
      server.end(turn)
    }
    await start({ onPrompt })
    const patient = client.generate('patient')
    const impatient = client.generateStream('impatient', { timeouts: { idle: 100 } })
    for await (const event of impatient.events) {
      if (event.type === 'reconnect' && event.recovered) over.open()
    }
    expect(await patient).toMatchObject({ text: 'patient', reconnects: 0 })
  })

  it('a slow server does not make us leave an event stream that has carried sessions', async () => {
    const wasAsked = gate()
    const hook = (_, response, { match, opencode }) => {
      if (match?.[2] === 'message' && opencode.count(/prompt_async$/) > 0)
        response.once('finish', wasAsked.open)
      return false
    }
    const onPrompt = async (id, text) => {
      server.busy.add(id)
      // Only a turn that has heard nothing asks.
      await wasAsked.opened
      await roundTrips()
      const turn = server.begin(id, text)
      server.say(turn, 'at last')
      server.end(turn)
    }
    await start({ hook, onPrompt })
    expect(await client.generate('hi')).toMatchObject({ text: 'at last', reconnects: 0 })
    expect(server.count(/^\/global\/event$/, 'GET')).toBe(0)
  })
})

describe('what runs is stopped, and nothing else', () => {
  it('a session comes to its next turn only when the abort of the one before was answered', async () => {
    const aborting = gate()
    const prompted = []
    const hook = async (_, response, { match }) => {
      if (match?.[2] !== 'abort') return false
      aborting.open()
      // The turn ends by itself while the abort is under way.
      await until(() => !server.busy.has(match[1]))
      await roundTrips()
      prompted.push('aborted')
      return json(response, true)
    }
    const onPrompt = async (id, text) => {
      prompted.push(text)
      const turn = server.begin(id, text)
      server.say(turn, text)
      if (text === 'one') await aborting.opened
      server.end(turn)
    }
    await start({ hook, onPrompt })
    const { id: sessionID } = server.newSession()
    for await (const _ of client.generateStream('one', { sessionID })) break
    expect((await client.generate('two', { sessionID })).text).toBe('two')
    expect(prompted).toEqual(['one', 'aborted', 'two'])
  })

  it("another client's turn is not aborted for a prompt of ours that never arrived", async () => {
    const givenUp = gate()
    const hook = (request, _, { match, opencode }) => {
      if (match?.[2] !== 'prompt_async' || opencode.count(/prompt_async$/) > 1) return false
      request.socket.once('close', givenUp.open)
      return true
    }
    await start({ hook })
    const { id: sessionID } = server.newSession()
    const one = outcome(client.generate('one', { sessionID, timeouts: { total: 1_000, accept: 1_500 } }))
    expect((await one).error).toMatchObject({ code: 'ERR_OPENCODE_TIMEOUT', accepted: 'unknown' })
    const theirs = server.begin(sessionID, 'words of a person')
    const two = client.generate('two', { sessionID })
    await givenUp.opened
    await roundTrips()
    expect(theirs.info.error).toBeUndefined()
    server.end(theirs)
    expect((await two).text).toBe('answer to two')
    expect(server.count(/abort$/)).toBe(0)
  })

  it('a turn whose ask cannot be answered is stopped', async () => {
    const hook = (_, response, { path }) =>
      path.startsWith('/permission/') && json(response, { data: { message: 'no' } }, 500)
    const onPrompt = (sessionID, text) => {
      server.begin(sessionID, text)
      server.send('permission.asked', { id: 'per_1', sessionID, permission: 'bash', patterns: [] })
    }
    await start({ hook, onPrompt })
    await expect(client.generate('hi')).rejects.toMatchObject({ code: 'ERR_OPENCODE_UNREACHABLE' })
    expect(server.busy.size).toBe(0)
  })

  it('the answer to the words of another client is never taken for the answer to ours', async () => {
    const hook = (request, _, { match }) => {
      if (match?.[2] !== 'prompt_async') return false
      request.socket.destroy()
      const turn = server.begin(match[1], 'words of another client')
      server.say(turn, 'for the other client')
      server.end(turn)
      return true
    }
    await start({ hook })
    const { id: sessionID } = server.newSession()
    const stream = client.generateStream('ours', { sessionID, timeouts: { accept: 5_000 } })
    let read = ''
    const reading = (async () => {
      for await (const text of stream) read += text
    })()
    await expect(reading).rejects.toMatchObject({
      code: 'ERR_OPENCODE_UNREACHABLE',
      accepted: 'unknown',
      data: { text: '' },
    })
    expect(read).toBe('')
  })
})

describe('nothing is left behind', () => {
  it.each(['/session', 'fork'])(
    'of a session that was being made (%s) when the turn was left',
    async (way) => {
      const asked = gate()
      const answers = gate()
      const hook = async (request, response, { path, match, opencode }) => {
        const isIt = request.method === 'POST' && (match?.[2] === way || path === way)
        if (!isIt) return false
        asked.open()
        await answers.opened
        return json(response, opencode.newSession({ title: 'made' }))
      }
      await start({ hook })
      const from = way === 'fork' ? { sessionID: server.newSession().id, fork: true } : {}
      const stream = client.generateStream('hi', from)
      const result = outcome(stream.result)
      await asked.opened
      const left = stream.abort()
      answers.open()
      await left
      await result
      const made = () => [...server.sessions.values()].filter(({ info }) => info.title === 'made')
      await until(() => server.count(/^\/session\//, 'DELETE') === 1)
      expect(made()).toEqual([])
    },
  )

  it('of a prompt that was refused', async () => {
    const hook = (_, response, { match }) =>
      match?.[2] === 'prompt_async' && json(response, { data: { message: 'no' } }, 400)
    await start({ hook })
    await expect(client.generate('hi')).rejects.toMatchObject({
      code: 'ERR_OPENCODE_BAD_REQUEST',
      accepted: false,
    })
    expect(server.sessions.size).toBe(0)
  })
})

describe('on the wire', () => {
  it('nothing compressed is asked for, and what comes compressed all the same is named', async () => {
    await start({})
    await client.generate('hi')
    expect(new Set(server.log.map(({ headers }) => headers['accept-encoding']))).toEqual(
      new Set(['identity']),
    )
    server.close()
    const packed = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'br' }).end('{}')
      return true
    }
    await start({ hook: packed })
    await expect(client.generate('hi')).rejects.toMatchObject({ message: expect.stringMatching(/\bbr\b/) })
  })

  it('what a server echoes of our credentials is redacted', async () => {
    const hook = ({ headers }, response, { match }) => {
      if (match?.[2] !== 'prompt_async') return false
      return json(
        response,
        { data: { message: `not for ${headers.authorization} nor hunter22hunter22` } },
        400,
      )
    }
    await start({ hook }, { password: 'hunter22hunter22' })
    const { error } = await outcome(client.generate('hi'))
    expect(error.code).toBe('ERR_OPENCODE_BAD_REQUEST')
    const basic = Buffer.from('opencode:hunter22hunter22').toString('base64')
    for (const secret of ['hunter22hunter22', basic])
      expect(JSON.stringify(error) + error.message).not.toContain(secret)
  })

  it('a session whose last messages are longer than limits.record is continued', async () => {
    const limits = []
    const old = Array.from({ length: 90 }, (_, n) => ({
      info: { id: `msg_old${n}`, sessionID: 's', role: 'user' },
      parts: [
        {
          id: `prt_old${n}`,
          sessionID: 's',
          messageID: `msg_old${n}`,
          type: 'text',
          text: 'x'.repeat(1_000),
        },
      ],
    }))
    const hook = (_, response, { match, url, opencode }) => {
      if (match?.[2] !== 'message') return false
      const limit = Number(url.searchParams.get('limit'))
      limits.push(limit)
      return json(response, [...old, ...opencode.sessions.get(match[1]).messages].slice(-limit))
    }
    await start({ hook })
    const { id: sessionID } = server.newSession()
    const { text } = await client.generate('go on', { sessionID, limits: { record: 30_000 } })
    expect(text).toBe('answer to go on')
    expect(limits[0]).toBeGreaterThan(limits.at(-1))
  })

  it('a directory that the server does not have is refused before a session is made', async () => {
    const hook = (_, response, { path }) => path === '/file' && json(response, { name: 'UnknownError' }, 500)
    await start({ hook }, { directory: '/nowhere/at/all' })
    await expect(client.generate('hi')).rejects.toMatchObject({
      code: 'ERR_OPENCODE_INVALID_OPTION',
      message: expect.stringContaining('/nowhere/at/all'),
      accepted: false,
    })
    expect(server.sessions.size).toBe(0)
  })
})

describe('what JavaScript reads and we cannot', () => {
  it('a number beyond the range of numbers hides no tool call', async () => {
    const onPrompt = (sessionID, text, opencode) => {
      const turn = opencode.begin(sessionID, text)
      const state = `{"status":"completed","input":{"n":[1e999,-1e999]},"output":"done"}`
      const part = `{"id":"prt_call","sessionID":"${sessionID}","messageID":"${turn.info.id}","type":"tool","callID":"c","tool":"bash","state":${state}}`
      opencode.sendRecord(`{"type":"message.part.updated","properties":{"part":${part}}}`)
      opencode.say(turn, 'said')
      opencode.end(turn)
    }
    await start({ onPrompt })
    const stream = client.generateStream('hi')
    const told = []
    for await (const { type, output } of stream.events) if (type === 'tool') told.push(output)
    expect(told).toEqual(['done'])
    expect((await stream.result).parts.filter(({ type }) => type === 'tool')).toHaveLength(1)
  })

  it('a compressed answer to the prompt says by its status that the prompt was taken', async () => {
    const hook = (_, response, { match, opencode }) => {
      if (match?.[2] !== 'prompt_async') return false
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end('x')
      const turn = opencode.begin(match[1], 'hi')
      opencode.say(turn, 'taken')
      opencode.end(turn)
      return true
    }
    await start({ hook })
    expect((await client.generate('hi')).text).toBe('taken')
    expect(server.count(/prompt_async$/)).toBe(1)
  })
})
