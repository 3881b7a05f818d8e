import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import * as imported from '../index.js'
import { OpenCode } from '../lib/client.js'
import { scriptedBinding } from './support/scripted-binding.js'

const closed = (accepted) => expect.objectContaining({ code: 'ERR_OPENCODE_CLOSED', accepted })

function client(onStart, defaults) {
  const native = scriptedBinding(onStart)
  return { opencode: new OpenCode(defaults, native), ...native }
}

const answer = (turn) => {
  turn.say('Hello')
  turn.finish()
}

describe('the package', () => {
  it('gives the same names to require and import', () => {
    const required = createRequire(import.meta.url)('../index.js')
    const names = ['OpenCode', 'OpenCodeError', 'generate', 'generateJson', 'generateStream', 'health']
    expect(Object.keys(required).sort()).toEqual(names)
    expect({ ...imported }).toMatchObject(required)
  })

  it('its functions use one instance, and refuse wrong options at the call', () => {
    expect(imported.OpenCode.default).toBeInstanceOf(imported.OpenCode)
    for (const call of [imported.generateStream, imported.generate]) {
      expect(() => call('')).toThrow(expect.objectContaining({ code: 'ERR_OPENCODE_INVALID_OPTION' }))
    }
    expect(() => imported.health({ timeouts: -1 })).toThrow('`timeouts` is -1')
  })
})

describe('generate', () => {
  it('starts at once and resolves with the whole answer', async () => {
    const { opencode, turns } = client(answer)
    const promise = opencode.generate('Hi')
    expect(turns).toHaveLength(1)
    expect(await promise).toMatchObject({ text: 'Hello', finishReason: 'stop' })
  })

  it('does not let the answer pile up unread', async () => {
    const { opencode, turns } = client((turn) => turn.say('first'))
    const promise = opencode.generate('Hi')
    await new Promise((resolve) => setImmediate(resolve))
    expect(turns[0].takeText()).toBe(null)
    turns[0].finish()
    expect((await promise).text).toBe('first')
  })

  it('rejects with the failure', async () => {
    const { opencode } = client((turn) =>
      turn.fail({ code: 'ERR_OPENCODE_EMPTY', message: 'nothing', accepted: true }),
    )
    await expect(opencode.generate('Hi')).rejects.toMatchObject({ code: 'ERR_OPENCODE_EMPTY' })
  })
})

describe('a client', () => {
  it('lays its defaults under every call', async () => {
    const { opencode, turns } = client(answer, { agent: 'plan', headers: { 'x-a': '1' } })
    await opencode.generate('Hi', { headers: { 'x-b': '2' } })
    expect(turns[0].request).toMatchObject({ agent: 'plan', headers: { 'x-a': '1', 'x-b': '2' } })
  })

  it.each([
    [{ agnet: 'plan' }],
    [{ timeouts: { idle: -1 } }],
    [{ cliPath: 7 }],
    [{ mode: 'cli', system: 'Rhyme.' }],
    ['plan'],
  ])('refuses wrong defaults at once: %j', (defaults) => {
    expect(() => client(answer, defaults)).toThrow(expect.objectContaining({ name: 'OpenCodeError' }))
  })
})

describe('health', () => {
  it('asks with the defaults that bear on it, and resolves with the answer', async () => {
    const { opencode, healthAnswers } = client(answer, { baseUrl: 'http://me:pw@host', model: 'a/b' })
    const promise = opencode.health({ timeouts: { connect: 9 } })
    expect(healthAnswers[0].request).toEqual({
      url: 'http://host',
      credentials: { username: 'me', password: 'pw' },
      headers: {},
      directory: null,
      directoryGiven: false,
      timeouts: expect.objectContaining({ connect: 9, total: null }),
      network: expect.objectContaining({ httpProxy: null, httpsProxy: null }),
      service: null,
    })
    const health = { healthy: true, version: '1.18.33', url: 'http://host', authenticated: true }
    healthAnswers[0].done({ result: health })
    expect(await promise).toEqual(health)
  })

  it('rejects with the failure', async () => {
    const { opencode, healthAnswers } = client()
    const promise = opencode.health()
    healthAnswers[0].done({
      error: { code: 'ERR_OPENCODE_UNREACHABLE', message: 'refused', accepted: false, retryable: true },
    })
    await expect(promise).rejects.toMatchObject({ code: 'ERR_OPENCODE_UNREACHABLE', retryable: true })
  })

  it('rejects with the reason of a signal, before or while it asks', async () => {
    const { opencode, healthAnswers } = client()
    const reason = new Error('enough')
    await expect(opencode.health({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(healthAnswers).toHaveLength(0)
    const controller = new AbortController()
    const promise = opencode.health({ signal: controller.signal })
    controller.abort(reason)
    await expect(promise).rejects.toBe(reason)
  })
})

describe('close', () => {
  it('ends the turns that run, and waits for them', async () => {
    const { opencode, turns } = client((turn) => turn.say('so far'))
    const stream = opencode.generateStream('Hi')
    const iterator = stream[Symbol.asyncIterator]()
    await iterator.next()
    const pull = iterator.next()
    await Promise.all([opencode.close(), expect(pull).rejects.toEqual(closed(true))])
    expect(turns[0].left).toBe(1)
    await expect(stream.result).rejects.toEqual(closed(true))
    const { stack } = await stream.result.catch((error) => error)
    expect(stack).toMatch(/\n {4}at .*client\.test\.js/)
  })

  it('leaves turns alone that are over', async () => {
    const { opencode, turns } = client(answer)
    const stream = opencode.generateStream('Hi')
    await stream.result
    await opencode.close()
    expect(turns[0].left).toBe(0)
    expect((await stream.result).text).toBe('Hello')
  })

  it('later calls throw, and streams that had not begun cannot', async () => {
    const { opencode, turns } = client(answer)
    const cold = opencode.generateStream('Hi')
    await opencode.close()
    await opencode[Symbol.asyncDispose]()
    expect(() => opencode.generateStream('Hi')).toThrow(closed(false))
    expect(() => opencode.generate('Hi')).toThrow(closed(false))
    expect(() => opencode.health()).toThrow(closed(false))
    await expect(cold.result).rejects.toEqual(closed(false))
    expect(turns).toHaveLength(0)
  })

  it('is no business of other clients', async () => {
    const one = client(answer)
    const other = client(answer)
    await one.opencode.close()
    expect((await other.opencode.generate('Hi')).text).toBe('Hello')
  })
})
