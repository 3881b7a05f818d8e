// What the caller's own code may do to us: nothing that is thrown at the wrong place, and nothing that hangs.
import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OpenCode, OpenCodeError } from '../index.js'
import { toJson } from '../lib/plain-json.js'
import { invalid, refusal, request } from './support/requests.mjs'
import { scriptedBinding } from './support/scripted-binding.js'
import { answer, collect, scripted, settle } from './support/scripted-stream.mjs'

const HALF = '🚀'.slice(0, 1)
const NEVER = { permission: 'bash', patterns: ['ls'] }
const permission = { type: 'permission', id: 'per_1', sessionID: 'ses_1', ...NEVER }
const question = { type: 'question', id: 'que_1', sessionID: 'ses_1', questions: [{ question: 'Which?' }] }
const throwing = (get) => Object.defineProperty({}, 'reply', { enumerable: true, get })
const thrower = (error) => () => {
  throw error
}

/** Throws whatever is done with it. */
const hostile = new Proxy(() => {}, {
  get: thrower(new Error('boo')),
  getPrototypeOf: thrower(new Error('boo')),
})

/** What nobody caught while a test ran. */
const uncaught = []
const note = (error) => uncaught.push(error)
beforeEach(() => process.on('unhandledRejection', note).on('uncaughtException', note))
afterEach(async () => {
  await settle()
  process.off('unhandledRejection', note).off('uncaughtException', note)
  expect(uncaught.splice(0)).toEqual([])
})

/** A turn that asks, ends once it has its answer, and is read in both ways. */
async function ended(ask, said) {
  const options = { permission: said, question: said }
  const { stream, turns } = scripted((turn) => {
    turn.ask({ ask })
    turn.onAnswer = () => turn.finish()
  }, options)
  const [read, result] = await Promise.allSettled([collect(stream), stream.result])
  expect(read.status).toBe(result.status)
  return { ...result, turn: turns[0] }
}

describe('what a function that answers asks returns', () => {
  it.each([
    ['half a character', permission, { reply: 'reject', message: `no ${HALF}` }, { message: 'no \ufffd' }],
    ['half a character in a label', question, [[HALF]], { reply: [['\ufffd']] }],
    // biome-ignore lint/suspicious/noThenProperty: a thenable
    ['a thenable', permission, { then: (resolve) => resolve('once') }, { reply: 'once' }],
    ['a proxy', permission, new Proxy({ reply: 'once' }, {}), { reply: 'once' }],
    ['an object without a prototype', permission, { __proto__: null, reply: 'once' }, { reply: 'once' }],
  ])('%s is sent', async (_, ask, said, sent) => {
    const { status, turn } = await ended(ask, () => said)
    expect(status).toBe('fulfilled')
    expect(turn.answers).toMatchObject([sent])
  })

  it.each([
    ['a getter that throws', throwing(thrower(new Error('boo')))],
    ['a getter that throws nothing', throwing(thrower(undefined))],
    ['a proxy that throws', new Proxy({}, { getPrototypeOf: thrower(new Error('boo')) })],
    ['a BigInt', 5n],
    ['a symbol', Symbol('once')],
    ['an array with holes', new Array(1)],
    ['itself within itself', Object.assign([], { 0: [] }).fill(null)],
  ])('%s ends the turn with an error of ours', async (_, said) => {
    for (const ask of [permission, question]) {
      const { reason, turn } = await ended(ask, () => said)
      expect(reason).toBeInstanceOf(OpenCodeError)
      expect(reason).toMatchObject({
        code: 'ERR_OPENCODE_INVALID_OPTION',
        accepted: true,
        sessionID: 'ses_1',
      })
      expect({ left: turn.left, answers: turn.answers }).toEqual({ left: 1, answers: [] })
    }
  })

  it.each([undefined, null])('a rejection with %o ends the turn with an error of ours', async (nothing) => {
    const { reason, turn } = await ended(permission, () => Promise.reject(nothing))
    expect(reason).toMatchObject({
      code: 'ERR_OPENCODE_INVALID_OPTION',
      message: /did not say why/ && expect.any(String),
    })
    expect(turn.left).toBe(1)
  })

  it.each([
    ['a string', 'a string'],
    ['a BigInt', 5n],
    ['what throws when it is looked at', hostile],
  ])('a rejection with %s surfaces as it is', async (_, thrown) => {
    expect((await ended(permission, () => Promise.reject(thrown))).reason === thrown).toBe(true)
  })
})

describe('what options hold', () => {
  const circle = {}
  circle.circle = circle
  const deep = JSON.parse(`${'{"a":'.repeat(200)}1${'}'.repeat(200)}`)
  const get = (key) => Object.defineProperty({}, key, { enumerable: true, get: thrower(new Error('boo')) })

  it.each([
    ['options with a getter that throws', get('agent'), /^The options cannot be read: boo/],
    ['a proxy as options', new Proxy({}, { ownKeys: thrower(new Error('boo')) }), /cannot be read: boo/],
    ['a getter in `timeouts`', { timeouts: get('total') }, /`timeouts` cannot be read: boo/],
    ['a getter in `headers`', { headers: get('x-a') }, /`headers` cannot be read: boo/],
    ['a getter in a file', { files: [get('path')] }, /`files` cannot be read: boo/],
    ['a hole in `files`', { files: new Array(1) }, /file 0 is undefined/],
    ['a BigInt in `config`', { config: { a: 1n } }, /`config` cannot be written as JSON: .*BigInt/],
    ['a circle in `config`', { config: circle }, /`config` cannot be written as JSON: [^\n]*circular[^\n]*$/],
    [
      'a toJSON that throws',
      { config: { toJSON: thrower(new Error('boo')) } },
      /`config` cannot be written as JSON: boo/,
    ],
    ['a toJSON that is no object', { config: { toJSON: () => 5 } }, /`config` is 5/],
    ['a `config` that is too deep', { config: deep }, /`config` is nested deeper than/],
    ['half a character as a tool', { tools: { [HALF]: true } }, /half a character/],
    ['half a character as a variable', { env: { [HALF]: 'a' } }, /half a character/],
    ['a variable with `=` in its name', { env: { 'A=B': 'a' } }, /no variable can be named/],
    [
      'a variable that no system passes on',
      { env: { A: 'a'.repeat(128 * 1024) } },
      /`env.A` is 131072 bytes/,
    ],
    ['a NUL in a variable', { env: { A: 'a\0b' } }, /`env.A` holds a NUL/],
    ['a NUL in a path', { directory: '/a\0b' }, /without a NUL/],
    ['a symbol as an option', { agent: Symbol('a') }, /`agent` is Symbol\(a\)/],
    [
      'an object that throws when it is shown',
      {
        agent: {
          [Symbol.toStringTag]: 1,
          get [Symbol.for('nodejs.util.inspect.custom')]() {
            throw new Error('boo')
          },
        },
      },
      /`agent` is/,
    ],
    ['a very long unknown name', { ['x'.repeat(1e6)]: 1 }, /^Unknown key `x{80}…` in the options/],
  ])('%s is refused at the call', (_, options, message) => {
    expect(refusal(options)).toMatchObject(invalid(message))
  })

  it.each([
    ['a hole', new Array(1), /Part 0 of the prompt is undefined/],
    ['a getter', [get('type')], /^The prompt cannot be read: boo/],
    ['a revoked proxy', revoked(), /^The prompt cannot be read/],
  ])('a prompt with %s is refused at the call', (_, prompt, message) => {
    expect(refusal({}, { prompt })).toMatchObject(invalid(message))
  })

  it('getters are asked once, and what is checked is what is sent', () => {
    let times = 0
    const options = {
      get agent() {
        return times++ === 0 ? 'plan' : 5
      },
    }
    expect(request(options).agent).toBe('plan')
    expect(times).toBe(1)
  })

  it('`config` is taken as it is at the call, `__proto__` and half characters too', () => {
    const config = JSON.parse('{"__proto__":{"a":1},"b":{"c":1}}')
    const made = request({ config, mode: 'cli' }, { env: { OPENCODE_CONFIG_CONTENT: '{"b":{"d":2}}' } })
    config.b.c = 2
    expect(JSON.stringify(made.launch.config)).toBe('{"b":{"d":2,"c":1},"__proto__":{"a":1}}')
    expect({}.a).toBe(undefined)
    expect(request({ config: { [HALF]: HALF }, mode: 'cli' }).launch.config).toEqual({ '\ufffd': '\ufffd' })
  })

  it('names such as `__proto__` are names', () => {
    const { tools, headers } = request({
      tools: JSON.parse('{"__proto__":false}'),
      headers: JSON.parse('{"__proto__":"1"}'),
    })
    expect([JSON.stringify(tools), JSON.stringify(headers)]).toEqual([
      '{"__proto__":false}',
      '{"__proto__":"1"}',
    ])
  })

  it('a polluted `Object.prototype` sets no option and no header', () => {
    const polluted = {
      baseUrl: 'http://evil',
      mode: 'cli',
      password: 'p',
      authorization: 'a',
      signal: 5,
      system: 's',
    }
    Object.assign(Object.prototype, polluted)
    try {
      const { url, credentials, routes, system } = request({
        agent: 'plan',
        headers: { 'x-a': '1' },
        timeouts: 5,
      })
      expect({ url, credentials, system, route: routes[0] }).toEqual({
        url: null,
        credentials: null,
        system: null,
        route: 'server',
      })
    } finally {
      for (const key of Object.keys(polluted)) delete Object.prototype[key]
    }
  })
})

function revoked() {
  const { proxy, revoke } = Proxy.revocable([], {})
  revoke()
  return proxy
}

describe('a signal', () => {
  it('that cannot be listened to is an error of ours, and nothing is started', async () => {
    for (const broken of [
      { addEventListener: thrower(new Error('boo')) },
      { aborted: { get: thrower(new Error('boo')) } },
    ]) {
      const signal = Object.assign(new EventTarget(), { aborted: false })
      let isBroken = false
      for (const [name, is] of Object.entries(broken)) {
        const value = name === 'aborted' ? false : signal[name].bind(signal)
        const fail = is.get ?? is
        Object.defineProperty(signal, name, {
          get: () => (isBroken ? (name === 'aborted' ? fail() : fail) : value),
        })
      }
      const { stream, turns } = scripted(() => {}, { signal })
      isBroken = true
      await expect(stream.result).rejects.toMatchObject({ code: 'ERR_OPENCODE_INVALID_OPTION' })
      expect(turns).toHaveLength(0)
    }
  })

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a string', 'enough'],
    ['what throws when it is looked at', hostile],
  ])('that aborts with %s ends the turn, before and while it runs', async (_, reason) => {
    const controller = new AbortController()
    const { stream } = scripted(() => {}, { signal: controller.signal })
    const result = stream.result.catch((error) => [error])
    controller.abort(reason)
    expect((await result)[0] === controller.signal.reason).toBe(true)
    const late = scripted(() => {}, { signal: controller.signal })
    const [error] = await late.stream.result.catch((error) => [error])
    expect(error === controller.signal.reason).toBe(true)
  })

  it('of somebody else’s making that has no reason, or throws at it, aborts with one of the platform', async () => {
    for (const more of [
      {},
      {
        get reason() {
          throw new Error('boo')
        },
      },
    ]) {
      const signal = Object.assign(new EventTarget(), { aborted: false })
      Object.defineProperties(signal, Object.getOwnPropertyDescriptors(more))
      const { stream } = scripted(() => {}, { signal })
      const result = stream.result.catch((error) => error)
      await settle()
      signal.dispatchEvent(new Event('abort'))
      expect(await result).toMatchObject({ name: 'AbortError' })
    }
  })

  it('is listened to once, whatever number of turns share it, and no more when they are over', async () => {
    const warnings = []
    const warned = ({ name }) => warnings.push(name)
    process.on('warning', warned)
    const { signal } = new AbortController()
    const native = scriptedBinding()
    const client = new OpenCode({}, native)
    const schema = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }
    const turns = [
      ...Array.from({ length: 15 }, () => client.generate('Hello', { signal })),
      ...Array.from({ length: 15 }, () => client.generateJson('Hello', { signal, schema, jsonRetries: 0 })),
      ...Array.from({ length: 15 }, () => client.generateStream('Hello', { signal }).toResponse().text()),
      ...Array.from({ length: 15 }, () => client.health({ signal })),
    ]
    await settle()
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    for (const turn of native.turns) answer(turn)
    for (const { done } of native.healthAnswers) done({ result: {} })
    await Promise.allSettled(turns)
    await settle()
    process.off('warning', warned)
    expect({ warnings, left: getEventListeners(signal, 'abort') }).toEqual({ warnings: [], left: [] })
  })

  it('that aborts ends all turns that share it', async () => {
    const controller = new AbortController()
    const client = new OpenCode({}, scriptedBinding())
    const turns = Array.from({ length: 12 }, () => client.generate('Hello', { signal: controller.signal }))
    controller.abort('enough')
    expect((await Promise.allSettled(turns)).map(({ reason }) => reason)).toEqual(Array(12).fill('enough'))
  })
})

describe('more than JavaScript can hold', () => {
  const tooLong = () => {
    throw new Error('Cannot create a string longer than 0x1fffffe8 characters')
  }
  it.each(['takeText', 'takeEvents', 'outcome', 'takeAsks'])(
    'at %s ends the turn with an error',
    async (method) => {
      const { stream, turns } = scripted(
        (turn) => {
          turn[method] = tooLong
          turn.say('a')
          turn.finish()
        },
        { permission: () => 'once' },
      )
      const reading = collect(method === 'takeEvents' ? stream.events : stream)
      await expect(reading).rejects.toMatchObject({ code: 'ERR_OPENCODE_LIMIT', accepted: true })
      expect(turns).toHaveLength(1)
    },
  )

  it('in a prompt is an error of ours', () => {
    const huge = { toJSON: thrower(new RangeError('Invalid string length')) }
    expect(() => toJson(huge, 'The prompt', 'Send less.')).toThrow(
      expect.objectContaining(invalid(/^The prompt cannot be written as JSON: Invalid string length/)),
    )
  })

  it('in the health of a server is an error of ours, and so is a health that cannot be asked', async () => {
    for (const health of [(_, done) => done('{'), thrower(new Error('no thread'))]) {
      const client = new OpenCode({}, { ...scriptedBinding(), health })
      await expect(client.health()).rejects.toMatchObject({ code: 'ERR_OPENCODE_ADDON', accepted: false })
    }
  })

  it('a turn that native code cannot start is an error of ours', async () => {
    const native = scriptedBinding(thrower(new Error('Resource temporarily unavailable')))
    await expect(new OpenCode({}, native).generate('Hello')).rejects.toMatchObject({
      code: 'ERR_OPENCODE_ADDON',
      message: expect.stringContaining('Resource temporarily unavailable'),
      accepted: false,
    })
  })
})
