import { describe, expect, it } from 'vitest'
import { invalid, refusal, request } from './support/requests.mjs'

const MIB = 1024 * 1024

describe('without options', () => {
  it('a prompt goes to the implicit server, in a new session of the working directory', () => {
    expect(request()).toEqual({
      routes: ['server', 'private', 'acp', 'run'],
      url: null,
      service: null,
      credentials: null,
      headers: {},
      directory: process.cwd(),
      directoryGiven: false,
      session: { id: null, continue: false, fork: false, title: null, ephemeral: false },
      parts: [{ type: 'text', text: 'Hello' }],
      files: [],
      json: null,
      agent: null,
      model: null,
      variant: null,
      system: null,
      tools: null,
      permission: 'unset',
      onLeave: 'abort',
      skipped: [],
      question: 'unset',
      timeouts: {
        connect: 5_000,
        serverStart: 30_000,
        accept: 30_000,
        idle: 75_000,
        reconnect: 60_000,
        total: null,
      },
      launch: { executable: null, package: null, environment: {}, given: [], config: null },
      network: { extraCaCerts: null, httpProxy: null, httpsProxy: null, noProxy: null },
      limits: { record: 64 * MIB, buffered: 64 * MIB },
      raw: false,
    })
  })

  it('null and undefined count as absent, for the options and for each of them', () => {
    const absent = Object.fromEntries(
      ['mode', 'baseUrl', 'model', 'sessionID', 'timeouts', 'signal', 'files', 'cliPath'].map((key) => [
        key,
        null,
      ]),
    )
    expect(request(absent)).toEqual(request())
    expect(request({ agent: undefined, timeouts: { connect: null } })).toEqual(request())
    expect(request(null)).toEqual(request())
  })
})

describe('unknown options', () => {
  it.each([
    [{ sesionId: 'x' }, 'Unknown key `sesionId`', '`sessionID`'],
    [{ baseURL: 'x' }, 'Unknown key `baseURL`', '`baseUrl`'],
    [{ timeout: 1 }, 'Unknown key `timeout`', '`timeouts`'],
    [{ cwd: '/' }, 'Unknown key `cwd`', '`directory`'],
    [{ url: 'x' }, 'Unknown key `url`', '`baseUrl`'],
    [{ timeouts: { conect: 1 } }, 'Unknown key `conect` in `timeouts`', '`connect`'],
    [{ limits: { recrod: 1 } }, 'Unknown key `recrod` in `limits`', '`record`'],
    [{ model: { provider: 'a', modelID: 'b' } }, 'Unknown key `provider` in `model`', '`providerID`'],
    [{ xyzzy: 1 }, 'Unknown key `xyzzy`', 'Known are: mode, baseUrl'],
    [{ toString: 1 }, 'Unknown key `toString`', ''],
  ])('%j is refused with a guess', (options, message, hint) => {
    expect(refusal(options)).toMatchObject(invalid(message, hint))
  })

  it('absent values do not excuse an unknown name', () => {
    expect(refusal({ modle: undefined })).toMatchObject(invalid('Unknown key `modle`', '`model`'))
  })

  it('their values are not shown: a misspelt password is still one', () => {
    expect(refusal({ pasword: 'hunter2' }).message).not.toContain('hunter2')
  })

  it.each([[[]], ['x'], [new Map()], [() => {}]])('%o is not a set of options', (options) => {
    expect(refusal(options)).toMatchObject(invalid('The options'))
  })
})

describe('timeouts and limits', () => {
  it('are given one by one, and a number is the total', () => {
    expect(request({ timeouts: { connect: 1, total: 2.5 } }).timeouts).toMatchObject({
      connect: 1,
      accept: 30_000,
      total: 3,
    })
    expect(request({ timeouts: 1_000 }).timeouts).toMatchObject({ connect: 5_000, total: 1_000 })
    expect(request({ timeouts: { total: Infinity } }).timeouts.total).toBe(null)
    expect(request({ limits: { buffered: 10 } }).limits).toEqual({ record: 64 * MIB, buffered: 10 })
  })

  it.each([
    [{ timeouts: { connect: -1 } }, /`timeouts.connect` is -1/],
    [{ timeouts: { connect: 0 } }, /`timeouts.connect` is 0/],
    [{ timeouts: { accept: NaN } }, /`timeouts.accept` is NaN/],
    [{ timeouts: { idle: '1000' } }, /`timeouts.idle` is "1000"/],
    [{ timeouts: { connect: Infinity } }, /`timeouts.connect` is Infinity/],
    [{ timeouts: { reconnect: Number.MAX_SAFE_INTEGER } }, /`timeouts.reconnect` is 9007199254740991/],
    [{ timeouts: -5 }, /`timeouts` is -5/],
    [{ timeouts: '5s' }, /`timeouts` is "5s", but must be an object/],
    [{ limits: { record: 0 } }, /`limits.record` is 0/],
    [{ limits: { record: 1.5 } }, /`limits.record` is 1.5/],
    [{ limits: 5 }, /`limits` is 5/],
  ])('%o is refused', (options, message) => {
    expect(refusal(options)).toMatchObject(invalid(message))
  })
})

describe('signal', () => {
  it('is an AbortSignal, of whichever realm', () => {
    expect(() => request({ signal: new AbortController().signal })).not.toThrow()
    const polyfill = { aborted: false, addEventListener() {}, removeEventListener() {} }
    expect(() => request({ signal: polyfill })).not.toThrow()
  })

  it.each([[new AbortController()], [{}], ['abort'], [true]])('%o is refused', (signal) => {
    expect(refusal({ signal })).toMatchObject(invalid(/`signal` is an? \w+, but must be an AbortSignal/))
  })
})

describe('the mode', () => {
  it('comes from the option, else from OPENCODE_MODE', () => {
    const routes = (options, env) => request(options, { env }).routes
    expect(routes({ mode: 'server' }, { OPENCODE_MODE: 'auto' })).toEqual(['server'])
    expect(routes({}, { OPENCODE_MODE: 'server' })).toEqual(['server'])
    expect(routes({}, { OPENCODE_MODE: 'cli' })).toEqual(['acp', 'run'])
    expect(routes({}, { OPENCODE_MODE: '' })).toEqual(['server', 'private', 'acp', 'run'])
  })

  it('is refused when it is none', () => {
    expect(refusal({ mode: 'sever' })).toMatchObject(invalid(/`mode` is "sever"/, "'server'"))
    expect(refusal({}, { env: { OPENCODE_MODE: 'sever' } })).toMatchObject(
      invalid(/^Environment variable OPENCODE_MODE is "sever"/),
    )
  })
})

describe('options that ask for nothing', () => {
  it('are welcome on any route', () => {
    const nothing = { cliProtocol: 'auto', env: {}, files: [] }
    expect(request(nothing)).toEqual(request())
  })
})

describe('what may be started', () => {
  const started = [
    [{ cliPath: '/usr/bin/opencode' }],
    [{ config: { model: 'a/b' } }],
    [{ env: { A: 'hunter2' } }],
  ]

  it('a server of our own in `auto`; in `server` only with `autostart`; never beside a named one', () => {
    expect(request().routes).toContain('private')
    expect(request({ autostart: false }).routes).toEqual(['server', 'acp', 'run'])
    expect(request({ mode: 'server' }).launch).toBe(null)
    expect(request({ mode: 'server', autostart: true }).launch).toMatchObject({ executable: null })
    const baseUrl = 'http://127.0.0.1:1'
    expect(request({ baseUrl }).launch).toBe(null)
    expect(request({ baseUrl, autostart: true }).launch).toBe(null)
  })

  it.each(started)('%o skips the implicit server', (options) => {
    expect(request(options).routes).toEqual(['private', 'acp', 'run'])
  })

  it.each(started)('%o is refused where nothing may be started, and never shown', (options) => {
    for (const instead of [{ mode: 'server' }, { baseUrl: 'http://127.0.0.1:1' }]) {
      const error = refusal({ ...options, ...instead })
      expect(error.code).toBe('ERR_OPENCODE_UNSUPPORTED_OPTION')
      expect(error.data.routes[0]).toMatchObject({ route: 'server', reason: expect.any(String) })
      expect(error.message + error.hint).not.toContain('hunter2')
    }
  })

  it('the environment is inherited, `env` over it, and `config` merged over an inherited one', () => {
    const inherited = {
      HOME: '/home/a',
      A: '1',
      OPENCODE_CONFIG_CONTENT: '{"agent":{"x":{"a":1}},"theme":"t"}',
    }
    const options = { env: { A: '2' }, config: { agent: { x: { b: 2 } } } }
    const { launch } = request(options, { env: inherited })
    expect(launch.environment).toMatchObject({ HOME: '/home/a', A: '2' })
    expect(launch.config).toEqual({ agent: { x: { a: 1, b: 2 } }, theme: 't' })
    expect(refusal({ config: {} }, { env: { OPENCODE_CONFIG_CONTENT: 'no' } })).toMatchObject(
      invalid(/^Environment variable OPENCODE_CONFIG_CONTENT/),
    )
  })

  it('`cliPath` is seen from here, OPENCODE_BIN stands in for it, and a bare name is looked for on PATH', () => {
    expect(request({ cliPath: './opencode' }).launch.executable).toBe(`${process.cwd()}/opencode`)
    expect(request({ cliPath: 'opencode2' }).launch.executable).toBe('opencode2')
    const { launch, routes } = request({}, { env: { OPENCODE_BIN: '/opt/opencode' } })
    expect(launch).toMatchObject({ executable: '/opt/opencode' })
    expect(routes[0]).toBe('server')
  })
})

describe('defaults of a client', () => {
  it('are overridden by the call, and merged key by key for timeouts, limits and headers', () => {
    const defaults = {
      agent: 'plan',
      model: 'a/b',
      headers: { 'X-A': '1', 'x-b': '2' },
      timeouts: { connect: 1, idle: 2 },
      limits: { record: 3 },
    }
    const own = { agent: 'build', headers: { 'x-a': '9' }, timeouts: 7, limits: { buffered: 4 } }
    expect(request(own, { defaults })).toMatchObject({
      agent: 'build',
      model: { providerID: 'a', modelID: 'b' },
      headers: { 'x-a': '9', 'x-b': '2' },
      timeouts: { connect: 1, idle: 2, total: 7 },
      limits: { record: 3, buffered: 4 },
    })
  })

  it('are seen beside the call: a default session excludes continue', () => {
    const error = refusal({ continue: true }, { defaults: { sessionID: 'ses_1' } })
    expect(error).toMatchObject(invalid('`continue`'))
  })

  it('a call may name its server by the other name', () => {
    expect(request({ serverUrl: 'http://b' }, { defaults: { baseUrl: 'http://a' } }).url).toBe('http://b')
  })
})
