// Each thing that can happen to the connection has a stated outcome: the table in docs/faults.md.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generate, generateStream } from '../../index.js'
import testing from '../../testing/index.js'
import { realOpenCode, until } from '../support/real-opencode.mjs'
import { faultyWire } from './faulty-wire.mjs'

const { lockstep, scriptedModel, startOpenCode, text, toolCall } = testing
const TOKENS = Array.from({ length: 12 }, (_, n) => `größe${n} `).concat('end')
const head = (status, type, body) =>
  `HTTP/1.1 ${status} x\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`

describe.each(['1.18.33', '1.1.31', '2.0.15'])('OpenCode %s', (version) => {
  const real = realOpenCode({ version })
  let wire
  beforeAll(async () => {
    wire = await faultyWire(real.server.url)
  })
  afterAll(() => wire.close())
  const options = (more) => real.options({ baseUrl: wire.url, ...more })

  /** Streams TOKENS; once the fifth was read, `fault` happens and the model goes on by itself. */
  async function streamThrough(fault, more) {
    const gate = lockstep()
    real.model.reply(text(TOKENS, { gate }))
    const before = real.model.requests.length
    const stream = generateStream('go on', options(more))
    const reconnects = []
    let answer = ''
    let happened = false
    for await (const event of stream.events) {
      if (event.type === 'reconnect') reconnects.push([event.attempt, event.recovered])
      if (event.type !== 'text-delta') continue
      answer += event.delta
      if (happened) continue
      if (answer.includes(TOKENS[4])) {
        happened = true
        fault()
        gate.release()
      } else gate.seen()
    }
    wire.faultsOf = () => undefined
    expect(answer).toBe(TOKENS.join(''))
    expect((await stream.result).text).toBe(answer)
    expect(real.model.requests.length - before, 'the prompt ran once').toBe(1)
    return { reconnects, result: await stream.result }
  }

  it('a cut connection is made again, and the events say so', async () => {
    const { reconnects, result } = await streamThrough(() => wire.cut(/event/))
    expect(reconnects).toEqual([
      [1, false],
      [1, true],
    ])
    expect(result.reconnects).toBe(1)
  })

  it('a half-open connection, on which nothing comes any more, is replaced after timeouts.idle', async () => {
    // Behind a reconnect in the middle of a part OpenCode 2 does not tell how far it has come: what follows is held back
    // until its end, for which lockstep would wait in vain. So nothing else may be silent for that long.
    const idle = real.generation === 2 ? 4_000 : 1_000
    const { reconnects } = await streamThrough(() => wire.stall(/event/), { timeouts: { idle } })
    expect(reconnects.slice(0, 2)).toEqual([
      [1, false],
      [1, true],
    ])
  })

  it.each([
    ['a page', head(502, 'text/html', '<html>Bad Gateway</html>')],
    ['nothing', head(502, '', '')],
  ])('502s in between, with %s, are waited out', async (_, answer) => {
    let refused = 0
    const { reconnects } = await streamThrough(() => {
      wire.faultsOf = () => (refused++ < 4 ? { answer } : undefined)
      wire.cut(/event/)
    })
    expect(refused).toBeGreaterThan(4)
    expect(reconnects[0]).toEqual([1, false])
    const [attempt, recovered] = reconnects.at(-1)
    expect(recovered).toBe(true)
    expect(attempt).toBeGreaterThan(1)
  })

  it('a connection that cannot be made again within timeouts.reconnect is a lost stream', async () => {
    const gate = lockstep()
    real.model.reply(text(['so far ', 'never'], { gate }))
    const stream = generateStream('lose it', options({ timeouts: { reconnect: 700 } }))
    const read = async () => {
      for await (const _ of stream) {
        wire.faultsOf = ({ line }) => (line.includes('event') ? { answer: head(503, '', '') } : undefined)
        wire.cut(/event/)
      }
    }
    await expect(read()).rejects.toMatchObject({
      code: 'ERR_OPENCODE_STREAM_LOST',
      accepted: true,
      data: { text: 'so far ' },
    })
    wire.faultsOf = () => undefined
    await until(async () => !(await real.busy(await stream.sessionID)))
  })

  it('a proxy that holds the events back is told before anything is sent', async () => {
    const before = real.model.requests.length
    wire.faultsOf = ({ line }) => (line.includes('event') ? { stallDown: 1 } : undefined)
    await expect(generate('hi', options({ timeouts: { connect: 500 } }))).rejects.toMatchObject({
      code: 'ERR_OPENCODE_TIMEOUT',
      accepted: false,
      data: { phase: 'connect' },
      hint: expect.stringContaining('proxy'),
    })
    // One that lets the head of the answer through and holds its body back.
    wire.faultsOf = ({ line }) => (line.includes('event') ? { stallDown: 'head' } : undefined)
    await expect(generate('hi', options({ timeouts: { connect: 500 } }))).rejects.toMatchObject({
      code: 'ERR_OPENCODE_TIMEOUT',
      accepted: false,
      data: { phase: 'connect' },
    })
    wire.faultsOf = () => undefined
    expect(real.model.requests.length).toBe(before)
  })

  it('a proxy that gives the events in large pieces, late, costs no character', async () => {
    wire.faultsOf = ({ line }) => (line.includes('event') ? { delay: 150 } : undefined)
    real.model.reply(text(TOKENS))
    expect((await generate('late', options())).text).toBe(TOKENS.join(''))
    wire.faultsOf = () => undefined
  })
})

describe.each(['1.18.33', '1.1.31', '2.0.15'])(
  'OpenCode %s, ended and started again on its port',
  (version) => {
    /** Reads until the first token, restarts the server with `password`, and reads on. */
    async function restarted({ password, again }) {
      const model = await scriptedModel()
      const server = await startOpenCode({ version, model, password })
      const port = Number(new URL(server.url).port)
      let second
      try {
        model.reply(text(['so far ', 'never'], { gate: lockstep() }))
        // OpenCode 2 always has one.
        const { url: baseUrl, directory, password: current } = server
        const stream = generateStream('hi', { baseUrl, directory, password: current })
        for await (const _ of stream) {
          server.kill('SIGKILL')
          second = await startOpenCode({ version, model, directory, port, password: again ?? current })
        }
      } finally {
        await second?.stop()
        await server.stop()
        await model.close()
      }
    }

    it('has forgotten the turn: a lost stream with the text so far, and no second prompt', async () => {
      await expect(restarted({})).rejects.toMatchObject({
        code: 'ERR_OPENCODE_STREAM_LOST',
        message: expect.stringContaining('restarted'),
        accepted: true,
        data: { text: 'so far ' },
      })
    })

    it('with another password, is unauthorized', async () => {
      await expect(restarted({ password: 'one', again: 'two' })).rejects.toMatchObject({
        code: 'ERR_OPENCODE_UNAUTHORIZED',
        accepted: true,
        data: { text: 'so far ' },
      })
    })
  },
)

describe.each(['1.18.33', '1.15.13'])(
  'OpenCode %s, with a session whose message list is broken',
  (version) => {
    const real = realOpenCode({ version })
    let wire
    beforeAll(async () => {
      wire = await faultyWire(real.server.url)
    })
    afterAll(() => wire.close())

    /** OpenCode answers the list of a session with 400 for good once a prompt with a schema is in it. */
    async function brokenSession() {
      const { id } = await real.ask('/session', { method: 'POST', body: '{}' })
      real.model.reply(toolCall('StructuredOutput', { a: 1 }))
      const schema = { type: 'object', properties: { a: { type: 'number' } } }
      const body = { parts: [{ type: 'text', text: 'json' }], format: { type: 'json_schema', schema } }
      await real.ask(`/session/${id}/message`, { method: 'POST', body: JSON.stringify(body) })
      await until(async () => !(await real.busy(id)))
      expect(await real.ask(`/session/${id}/message`)).toMatchObject({ name: 'BadRequest' })
      return id
    }

    it('goes on with it, and reads message by message what a gap hid', async () => {
      const sessionID = await brokenSession()
      const gate = lockstep()
      real.model.reply(text(TOKENS, { gate }))
      const before = real.model.requests.length
      const stream = generateStream('go on', real.options({ baseUrl: wire.url, sessionID }))
      let answer = ''
      let cut = false
      for await (const chunk of stream) {
        answer += chunk
        if (cut) continue
        if (answer.includes(TOKENS[3])) {
          cut = true
          wire.cut(/event/)
          gate.release()
        } else gate.seen()
      }
      expect(answer).toBe(TOKENS.join(''))
      const result = await stream.result
      expect(result).toMatchObject({ text: answer, finishReason: 'stop' })
      expect(result.reconnects).toBeGreaterThan(0)
      expect(real.model.requests.length - before).toBe(1)
    })

    it('finds out that its prompt was taken though the answer to it was lost', async () => {
      const sessionID = await brokenSession()
      real.model.reply(text('taken'))
      wire.faultsOf = ({ line }) => (line.includes('prompt_async') ? { cutDown: 1 } : undefined)
      const result = await generate('lose the answer', real.options({ baseUrl: wire.url, sessionID }))
      wire.faultsOf = () => undefined
      expect(result.text).toBe('taken')
    })
  },
)
