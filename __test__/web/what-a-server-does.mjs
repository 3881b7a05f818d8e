// What each server of examples/ does, whatever it is made with.
import { expect, it } from 'vitest'
import testing from '../../testing/index.js'
import { eventsOf } from '../support/example-server.mjs'

const { hang, lockstep, text } = testing

/** `of()` has `server` and `real` once the tests run. */
export function whatAServerDoes(of) {
  it('streams the events of a turn: each token before the next one leaves the model', async () => {
    const { server, real } = of()
    const gate = lockstep()
    real.model.reply(text(['one ', 'two ', 'three'], { gate }))
    const response = await server.post({ prompt: 'Count to three.' })
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const deltas = []
    let last
    for await (const event of eventsOf(response)) {
      last = event
      if (event.type !== 'text-delta') continue
      deltas.push(event.delta)
      gate.seen()
    }
    expect(deltas).toEqual(['one ', 'two ', 'three'])
    expect(last).toMatchObject({ type: 'finish', result: { finishReason: 'stop', text: 'one two three' } })
    expect(real.model.requests.at(-1).prompt).toBe('Count to three.')
  })

  it('a browser that goes away stops the turn inside OpenCode', async () => {
    const { server, real } = of()
    real.model.reply(text('Once upon'), hang())
    const leaving = new AbortController()
    const response = await server.post({ prompt: 'A story.' }, { signal: leaving.signal })
    const reading = (async () => {
      for await (const { type } of eventsOf(response)) if (type === 'text-delta') leaving.abort()
    })()
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
    const request = real.model.requests.at(-1)
    await request.ended
    expect(request.aborted).toBe(true)
  })

  it('a session is gone on with', async () => {
    const { server, real } = of()
    real.model.reply(text('I will.')).reply(text('Blue.'))
    const turn = async (body) => {
      for await (const event of eventsOf(await server.post(body)))
        if (event.type === 'finish') return event.result
    }
    const { sessionID } = await turn({ prompt: 'Remember the colour blue.' })
    expect(await turn({ prompt: 'Which colour?', sessionID })).toMatchObject({ sessionID, text: 'Blue.' })
    expect(JSON.stringify(real.model.requests.at(-1).messages)).toContain('Remember the colour blue.')
  })

  it('a prompt that names a file of the machine is 400, and nothing is sent', async () => {
    const { server, real } = of()
    const before = real.model.requests.length
    const file = { type: 'file', mime: 'text/plain', url: 'file:///etc/hostname' }
    for (const prompt of [[file, { type: 'text', text: 'Repeat it.' }], { 0: file }, null]) {
      expect((await server.post({ prompt })).status).toBe(400)
    }
    expect(real.model.requests).toHaveLength(before)
  })

  it.each([
    ['host', 'attacker.example'],
    ['host', '127.0.0.1.attacker.example:80'],
    ['origin', 'http://attacker.example'],
    ['origin', 'null'],
  ])('a foreign %s, %s, is 403, and nothing is sent', async (name, value) => {
    const { server, real } = of()
    const before = real.model.requests.length
    expect(await server.statusOf({ prompt: 'hi' }, { [name]: value })).toBe(403)
    expect(real.model.requests).toHaveLength(before)
  })

  it('a wrong prompt is 400, with the code of the error, and nothing is sent', async () => {
    const { server, real } = of()
    const before = real.model.requests.length
    const response = await server.post({ prompt: 7 })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ code: 'ERR_OPENCODE_INVALID_OPTION' })
    expect(real.model.requests).toHaveLength(before)
  })
}
