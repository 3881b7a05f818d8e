// What goes wrong ends with its code, in bounded time, and without a secret in it.
import { createServer } from 'node:http'
import { inspect } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { generate, generateStream, health } from '../../index.js'
import testing from '../../testing/index.js'
import { differences } from '../contract/differences.mjs'
import { realOpenCode } from '../support/real-opencode.mjs'

const { cut, fail, lockstep, pause, scriptedModel, startOpenCode, text } = testing
const SECRET = 'hunter2-secret'

/** The error of a promise, with no secret anywhere in it. */
async function errorOf(promise) {
  const error = await promise.then(
    () => expect.unreachable('it should have failed'),
    (error) => error,
  )
  expect(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)).not.toContain(SECRET)
  return error
}

describe('what is not an OpenCode server', () => {
  const servers = []
  const listen = async (handler) => {
    const server = createServer(handler).listen(0, '127.0.0.1')
    servers.push(server)
    await new Promise((resolve) => server.once('listening', resolve))
    return `http://127.0.0.1:${server.address().port}`
  }
  afterAll(() => servers.map((server) => server.closeAllConnections() ?? server.close()))

  it('nobody there: unreachable, nothing sent, worth a retry', async () => {
    const url = await listen(() => {})
    servers.at(-1).close()
    const error = await errorOf(generate('hi', { baseUrl: url, password: SECRET }))
    expect(error).toMatchObject({ code: 'ERR_OPENCODE_UNREACHABLE', accepted: false, retryable: true })
    expect((await errorOf(health({ baseUrl: url }))).code).toBe('ERR_OPENCODE_UNREACHABLE')
  })

  it('a web page with 200 is not a server, and sees no prompt', async () => {
    const seen = []
    const url = await listen((request, response) => {
      seen.push(request.method)
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>')
    })
    const error = await errorOf(generate('hi', { baseUrl: url }))
    expect(error).toMatchObject({ code: 'ERR_OPENCODE_NOT_A_SERVER', status: 200, accepted: false })
    expect(error.hint).toBeTruthy()
    expect(new Set(seen)).toEqual(new Set(['GET']))
  })

  it('a redirect is not followed, and credentials do not go with it', async () => {
    const authorizations = []
    const target = await listen((request, response) => {
      authorizations.push(request.headers.authorization)
      response.end()
    })
    const url = await listen((_request, response) => response.writeHead(302, { location: target }).end())
    const error = await errorOf(generate('hi', { baseUrl: url, password: SECRET }))
    expect(error.code).toBe('ERR_OPENCODE_NOT_A_SERVER')
    expect(authorizations).toEqual([])
  })

  it('one that never answers is a connect timeout', async () => {
    const url = await listen(() => {})
    const error = await errorOf(generate('hi', { baseUrl: url, timeouts: { connect: 200 } }))
    expect(error).toMatchObject({ code: 'ERR_OPENCODE_TIMEOUT', data: { phase: 'connect' }, accepted: false })
  })

  it.each(['0.0.0-next-16350', '3.0.1'])(
    'a server of %s, whose API nobody knows, is named as such',
    async (version) => {
      const url = await listen((request, response) => {
        const info = request.url.startsWith('/api/info')
        response.writeHead(info ? 200 : 404, { 'content-type': 'application/json' })
        response.end(info ? JSON.stringify({ version, pid: 1 }) : '{}')
      })
      const error = await errorOf(generate('hi', { baseUrl: url }))
      expect(error).toMatchObject({
        code: 'ERR_OPENCODE_UNSUPPORTED_VERSION',
        accepted: false,
        message: expect.stringContaining(version),
        data: { version },
      })
    },
  )

  it('a preview of OpenCode 2, which knows no /api/info, is named as such', async () => {
    // As 0.0.0-next-16350 answers.
    const url = await listen((request, response) => {
      const health = request.url.startsWith('/api/health')
      response.writeHead(health ? 200 : 404, health ? { 'content-type': 'application/json' } : {})
      response.end(health ? '{"healthy":true,"version":"0.0.0-next-16350","pid":14842}' : '')
    })
    const error = await errorOf(generate('hi', { baseUrl: url }))
    expect(error).toMatchObject({
      code: 'ERR_OPENCODE_UNSUPPORTED_VERSION',
      accepted: false,
      message: expect.stringContaining('0.0.0-next-16350'),
      hint: expect.stringContaining('install a release'),
    })
  })
})

describe.each(['1.18.33', '2.0.15'])('a server of %s with a password', (version) => {
  const real = realOpenCode({ version, password: SECRET })

  it('refuses without it and with a wrong one, and the error says which without telling it', async () => {
    const none = await errorOf(generate('hi', real.options({ password: undefined })))
    expect(none).toMatchObject({ code: 'ERR_OPENCODE_UNAUTHORIZED', status: 401, accepted: false })
    expect(none.message).toContain('no credentials')
    const wrong = await errorOf(generate('hi', real.options({ password: `not-${SECRET}` })))
    expect(wrong.code).toBe('ERR_OPENCODE_UNAUTHORIZED')
    expect(wrong.message).toContain('with the credentials')
    const stranger = await errorOf(generate('hi', real.options({ username: 'somebody' })))
    expect(stranger.code).toBe('ERR_OPENCODE_UNAUTHORIZED')
  })

  it('answers with it, given as an option or in the URL', async () => {
    real.model.reply(text('open'))
    expect((await generate('hi', real.options())).text).toBe('open')
    const url = new URL(real.server.url)
    url.username = 'opencode'
    url.password = SECRET
    real.model.reply(text('sesame'))
    const named = real.options({ baseUrl: url.href, password: undefined })
    expect((await generate('hi', named)).text).toBe('sesame')
    expect(await health({ baseUrl: url.href })).toMatchObject({ authenticated: true, healthy: true })
    expect((await health({ baseUrl: url.href })).url).not.toContain(SECRET)
  })
})

describe.each(['1.18.33', '1.1.31', '1.2.27', '2.0.15'])('OpenCode %s', (version) => {
  const real = realOpenCode({ version })
  const differs = differences('server', version)

  it('an unknown session, model or agent is told before anything is sent', async () => {
    const before = real.model.requests.length
    const unknown = { sessionID: 'ses_000000000000aaaaaaaaaaaaaa' }
    expect(await errorOf(generate('hi', real.options(unknown)))).toMatchObject({
      code: 'ERR_OPENCODE_SESSION_NOT_FOUND',
      accepted: false,
    })
    for (const model of ['scripted/nope', 'nope/nope']) {
      const error = await errorOf(generate('hi', real.options({ model })))
      expect(error).toMatchObject({ code: 'ERR_OPENCODE_MODEL_NOT_FOUND', accepted: false })
      expect(`${error.message} ${error.hint}`).toMatch(/scripted/)
    }
    const agent = await errorOf(generate('hi', real.options({ agent: 'nope' })))
    expect(agent).toMatchObject({ code: 'ERR_OPENCODE_AGENT_NOT_FOUND', accepted: false })
    expect(agent.hint).toContain('build')
    const malformed = await errorOf(generate('hi', real.options({ sessionID: 'no such thing/..' })))
    expect(malformed.code).toBe('ERR_OPENCODE_SESSION_NOT_FOUND')
    expect(real.model.requests.length).toBe(before)
  })

  it.each([400, 401])('a provider that answers %i is told with its words', async (status) => {
    real.model.reply(fail(status, { message: `scripted ${status}` }))
    const error = await errorOf(generate('hi', real.options()))
    expect(error).toMatchObject({
      code: 'ERR_OPENCODE_PROVIDER',
      status,
      accepted: true,
      retryable: false,
      data: differs.refusalData(status),
    })
    expect(error.message).toContain(`scripted ${status}`)
    expect(error.sessionID).toMatch(/^ses_/)
  })

  it('a turn that ends while OpenCode retries its provider says how that failed', async () => {
    for (let failures = 0; failures < 9; failures++)
      real.model.reply(fail(500, { message: 'the cake is gone' }))
    const stream = generateStream('hi', real.options())
    let retry
    const reading = (async () => {
      for await (const event of stream.events) {
        if (event.type !== 'retry') continue
        retry ??= event
        await real.abort(event.sessionID)
      }
    })()
    const error = await errorOf(reading)
    expect(error).toMatchObject({
      code: 'ERR_OPENCODE_ABORTED_ELSEWHERE',
      accepted: true,
      data: { text: '', lastRetry: { attempt: retry.attempt, message: retry.message } },
      usage: { output: 0 },
      cost: 0,
    })
    expect(error.message).toContain(retry.message.split('\n')[0])
    real.model.reset()
  })

  it('a provider that fails once with 500 is a retry event, then the answer', async () => {
    real.model.reply(fail(500, { message: 'busy' }))
    real.model.reply(text('now it works'))
    const stream = generateStream('hi', real.options())
    const events = []
    for await (const event of stream.events) events.push(event)
    expect(events.find(({ type }) => type === 'retry')).toMatchObject({ attempt: 1, discards: [] })
    expect((await stream.result).text).toBe('now it works')
  })

  const again = differs.continues
    ? 'goes on, and nothing is abandoned'
    : 'starts again, and the abandoned part is named'
  it(`an answer cut in the middle ${again}`, async () => {
    // Up to 1.2.27 the request is made again unseen a few times, so it is cut until OpenCode says so.
    const cutting = real.model.when('cut me', text(['half ']), pause(100), cut())
    const stream = generateStream('cut me', real.options())
    const events = []
    for await (const event of stream.events) {
      events.push(event)
      if (event.type !== 'retry') continue
      cutting.times(0)
      real.model.reply(text(['whole ', 'answer']))
    }
    const retry = events.find(({ type }) => type === 'retry')
    const abandoned = events.find(({ type }) => type === 'text-start').partID
    const result = await stream.result
    if (differs.continues) {
      expect(retry.discards).toEqual([])
      expect(result).toMatchObject({ text: 'half \n\nwhole answer', discarded: 0 })
      return
    }
    expect(retry.discards).toEqual([abandoned])
    expect(result.text).toBe('whole answer')
    expect(result.discarded).toBeGreaterThan(0)
  })

  it('a variant that the model does not have is told before anything is sent', async () => {
    const error = await errorOf(generate('hi', real.options({ model: 'scripted/model', variant: 'nope' })))
    expect(error).toMatchObject({ code: 'ERR_OPENCODE_MODEL_NOT_FOUND', accepted: false })
    expect(error.message).toContain("'nope'")
  })

  it('output that waits unread beyond its limit stops the turn', async () => {
    real.model.reply(text(['x'.repeat(5_000), 'y'], { gate: lockstep() }))
    const stream = generateStream('hi', real.options({ limits: { buffered: 4_000 } }))
    // Nobody iterates: all of it has to be kept.
    const error = await errorOf(stream.result)
    expect(error).toMatchObject({ code: 'ERR_OPENCODE_LIMIT', accepted: true })
    expect(await real.busy(error.sessionID)).toBe(false)
  })

  it('a total timeout stops the turn', async () => {
    real.model.reply(text(['a', 'b'], { gate: lockstep() }))
    const error = await errorOf(generate('hi', real.options({ timeouts: { total: 3_000 } })))
    expect(error).toMatchObject({ code: 'ERR_OPENCODE_TIMEOUT', data: { phase: 'total' }, accepted: true })
    expect(await real.busy(error.sessionID)).toBe(false)
  })
})

describe.each(['1.18.33', '1.1.31', '2.0.15'])('OpenCode %s, killed in mid-turn', (version) => {
  it('is a lost stream with the text so far', async () => {
    const model = await scriptedModel()
    const server = await startOpenCode({ version, model })
    try {
      const gate = lockstep()
      model.reply(text(['so far ', 'never'], { gate }))
      const { url: baseUrl, directory, password } = server
      const options = { baseUrl, directory, password, timeouts: { reconnect: 500 } }
      const stream = generateStream('hi', options)
      const read = async () => {
        for await (const chunk of stream) if (chunk) server.kill('SIGKILL')
      }
      expect(await errorOf(read())).toMatchObject({
        code: 'ERR_OPENCODE_STREAM_LOST',
        accepted: true,
        retryable: false,
        data: { text: 'so far ' },
      })
    } finally {
      await server.stop()
      await model.close()
    }
  })
})
