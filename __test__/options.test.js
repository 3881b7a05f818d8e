import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HEALTH_OPTIONS, mergeSettings, readOptions } from '../lib/options.js'
import { turnRequest } from '../lib/turn-request.js'

/** The request that a call makes; `env` stands in for process.env. */
function request(options, { prompt = 'Hello', env = {}, defaults } = {}) {
  return turnRequest(prompt, mergeSettings(readOptions(defaults), readOptions(options)), env)
}

function refusal(...call) {
  try {
    request(...call)
  } catch (error) {
    return error
  }
  throw new Error('was not refused')
}

const invalid = (message, hint = '') => ({
  name: 'OpenCodeError',
  code: 'ERR_OPENCODE_INVALID_OPTION',
  accepted: false,
  retryable: false,
  message: expect.stringMatching(message),
  hint: expect.stringContaining(hint),
})

const MIB = 1024 * 1024

describe('without options', () => {
  it('a prompt goes to the implicit server, in a new session of the working directory', () => {
    expect(request()).toEqual({
      mode: 'auto',
      url: null,
      credentials: null,
      headers: {},
      directory: process.cwd(),
      directoryGiven: false,
      session: { id: null, continue: false, fork: false, title: null, ephemeral: false },
      parts: [{ type: 'text', text: 'Hello' }],
      agent: null,
      model: null,
      variant: null,
      system: null,
      tools: null,
      permission: 'reject',
      question: 'reject',
      timeouts: {
        connect: 5_000,
        serverStart: 30_000,
        accept: 30_000,
        idle: 75_000,
        reconnect: 60_000,
        total: null,
      },
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

describe('the prompt', () => {
  it('is a string, or parts of text, files and agents', () => {
    const parts = [
      { type: 'text', text: 'Look at ' },
      { type: 'file', mime: 'image/png', url: 'data:image/png;base64,AA==', filename: 'a.png' },
      { type: 'agent', name: 'explore' },
    ]
    expect(request({}, { prompt: parts }).parts).toEqual(parts)
  })

  it.each([
    ['', /prompt is empty/],
    [' \n\t', /prompt is empty or only white space/],
    [[], /prompt has no parts/],
    [[{ type: 'text', text: ' ' }], /prompt is empty/],
    [null, /prompt is null, but must be a string or an array/],
    [42, /prompt is a number/],
    [{ type: 'text', text: 'x' }, /prompt is an object/],
    [['x'], /Part 0 of the prompt is a string/],
    [[{ type: 'txt', text: 'x' }], /Part 0 of the prompt: `type` is "txt"/],
    [[{ type: 'text' }], /Part 0 of the prompt: `text` is undefined/],
    [[{ type: 'file', mime: 'a/b', url: '' }], /`url` is an empty string/],
    [[{ type: 'text', text: 'x', txet: 'y' }], /Unknown key `txet`/],
  ])('%j is refused', (prompt, message) => {
    expect(refusal({}, { prompt })).toMatchObject(invalid(message))
  })

  it('is not repeated in errors', () => {
    expect(refusal({}, { prompt: [{ type: 'secret prompt' }, 'x'] }).message).toContain('type')
    expect(refusal({}, { prompt: [{ type: 'text', text: 'x', extra: 'secret' }] }).message).not.toContain(
      'secret',
    )
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

describe('the server', () => {
  it.each([
    ['http://localhost:4096', 'http://localhost:4096'],
    ['http://127.0.0.1:4096/', 'http://127.0.0.1:4096'],
    ['https://example.com/opencode//', 'https://example.com/opencode'],
    ['HTTP://Example.COM:80', 'http://example.com'],
    [new URL('http://[::1]:4096/'), 'http://[::1]:4096'],
  ])('%s is named as %s', (baseUrl, url) => {
    expect(request({ baseUrl }).url).toBe(url)
    expect(request({ serverUrl: baseUrl }).url).toBe(url)
    expect(request({}, { env: { OPENCODE_SERVER_URL: String(baseUrl) } }).url).toBe(url)
  })

  it.each([
    ['localhost:4096', /must begin with http/, "Did you mean 'http://localhost:4096'?"],
    ['ftp://host', /must begin with http/, ''],
    ['nonsense', /which is not a URL/, 'http://127.0.0.1:4096'],
    ['', /which is not a URL/, ''],
    ['http://host/?a=1', /must not have a query/, ''],
    ['http://host/#x', /must not have a query or a fragment/, ''],
    ['http://a%ZZ@host', /broken % escape/, ''],
    [4096, /is a number, but must be a URL/, ''],
  ])('%s is refused', (baseUrl, message, hint) => {
    expect(refusal({ baseUrl })).toMatchObject(invalid(message, hint))
    expect(refusal({ baseUrl }).message).toContain('`baseUrl`')
  })

  it('the variable is named when its value is refused', () => {
    const error = refusal({}, { env: { OPENCODE_SERVER_URL: 'nonsense' } })
    expect(error).toMatchObject(invalid(/^Environment variable OPENCODE_SERVER_URL is "nonsense"/))
  })

  it('the option wins over the variable, and an empty variable is none', () => {
    const env = { OPENCODE_SERVER_URL: 'http://env' }
    expect(request({ baseUrl: 'http://option' }, { env }).url).toBe('http://option')
    expect(request({}, { env: { OPENCODE_SERVER_URL: '' } }).url).toBe(null)
  })

  it('baseUrl and serverUrl may both be given only if they are the same', () => {
    expect(request({ baseUrl: 'http://a', serverUrl: 'http://a/' }).url).toBe('http://a')
    const error = refusal({ baseUrl: 'http://a', serverUrl: 'http://b' })
    expect(error).toMatchObject(invalid(/name two servers, http:\/\/a and http:\/\/b/))
  })

  it.each([
    'http://user:hunter2@host/?x',
    'http://user:hunt#er2@host',
    'user:hunter2@host:80',
    'ftp://user:hunter2@host',
    'http://host/?auth_token=hunter2',
    'http://user:hunter2@ho st',
  ])('no secret of %s is in the error', (baseUrl) => {
    const { message, hint, stack } = refusal({ baseUrl })
    expect(message + hint + stack).not.toMatch(/hunt|er2|user/)
  })
})

describe('credentials', () => {
  const baseUrl = 'http://host'
  const env = { OPENCODE_SERVER_USERNAME: 'env-user', OPENCODE_SERVER_PASSWORD: 'env-pass' }

  it('come from the options', () => {
    expect(request({ baseUrl, password: 'p' }).credentials).toEqual({ username: 'opencode', password: 'p' })
    expect(request({ baseUrl, username: 'u', password: 'p' }, { env }).credentials).toEqual({
      username: 'u',
      password: 'p',
    })
  })

  it('or from the address, unescaped and taken out of it', () => {
    const { url, credentials } = request({ baseUrl: 'http://u%40x:p%3A%2F@host:1' }, { env })
    expect({ url, credentials }).toEqual({
      url: 'http://host:1',
      credentials: { username: 'u@x', password: 'p:/' },
    })
  })

  it('or from the environment, which only a named server gets to see', () => {
    expect(request({ baseUrl }, { env }).credentials).toEqual({ username: 'env-user', password: 'env-pass' })
    expect(request({}, { env: { ...env, OPENCODE_SERVER_URL: baseUrl } }).credentials).toEqual({
      username: 'env-user',
      password: 'env-pass',
    })
    expect(request({}, { env }).credentials).toBe(null)
  })

  it('a user name alone is not enough', () => {
    expect(refusal({ baseUrl, username: 'u' })).toMatchObject(
      invalid(/`username` is given without a password/),
    )
    expect(request({ baseUrl, username: 'u' }, { env }).credentials).toEqual({
      username: 'u',
      password: 'env-pass',
    })
  })

  it('a user name cannot have a colon', () => {
    expect(refusal({ baseUrl, username: 'a:b', password: 'p' })).toMatchObject(invalid(/contains a colon/))
    const error = refusal({ baseUrl }, { env: { ...env, OPENCODE_SERVER_USERNAME: 'a:b' } })
    expect(error).toMatchObject(invalid(/^Environment variable OPENCODE_SERVER_USERNAME contains a colon/))
  })

  it('a password of the wrong type is not shown', () => {
    const error = refusal({ baseUrl, password: 12345 })
    expect(error).toMatchObject(invalid(/`password` is a number/))
    expect(error.stack).not.toContain('12345')
  })

  it('an authorization header replaces those of the environment and excludes the options', () => {
    const headers = { Authorization: 'Bearer token' }
    expect(request({ baseUrl, headers }, { env })).toMatchObject({
      credentials: null,
      headers: { authorization: 'Bearer token' },
    })
    expect(refusal({ baseUrl, headers, password: 'p' })).toMatchObject(invalid(/headers.authorization/))
  })
})

describe('headers', () => {
  it('are passed on, in lower case, without absent ones', () => {
    expect(request({ headers: { 'X-Team': 'a', 'x-none': null } }).headers).toEqual({ 'x-team': 'a' })
  })

  it.each([
    [{ 'x-a': 1 }, /`headers\['x-a'\]` is a number/],
    [{ 'x-a': 'a\r\nx-b: c' }, /has a line break/],
    [{ 'x-a': 'snow ☃' }, /another character that no header may carry/],
    [{ 'x a': '1' }, /has "x a", which no header can be named/],
    [{ 'x-a': '1', 'X-A': '2' }, /given twice/],
    ['x-a: 1', /is a string, but must be an object/],
  ])('%j are refused', (headers, message) => {
    expect(refusal({ headers })).toMatchObject(invalid(message))
  })

  it('their values are never shown', () => {
    expect(refusal({ headers: { authorization: 'hunter2\n' } }).stack).not.toContain('hunter2')
  })
})

describe('the directory', () => {
  it('is resolved against the working directory', () => {
    expect(request({ directory: 'src/..' })).toMatchObject({ directory: process.cwd(), directoryGiven: true })
    expect(request({ directory: '/srv/app/' })).toMatchObject({ directory: path.resolve('/srv/app') })
  })

  it.each(['http://localhost:1', 'http://127.0.0.1:1', 'http://127.1.2.3:1', 'http://[::1]:1'])(
    'is ours by default for %s',
    (baseUrl) => {
      expect(request({ baseUrl })).toMatchObject({ directory: process.cwd(), directoryGiven: false })
    },
  )

  it.each(['http://example.com', 'http://10.0.0.1', 'http://127.example.com'])(
    'is theirs by default for %s',
    (baseUrl) => {
      expect(request({ baseUrl }).directory).toBe(null)
      expect(request({ baseUrl, directory: '/srv' }).directory).toBe(path.resolve('/srv'))
    },
  )

  it.each(['', ' ', 1, true])('%j is refused', (directory) => {
    expect(refusal({ directory })).toMatchObject(invalid('`directory`'))
  })
})

describe('the session', () => {
  it('can be one by id, the newest, a copy of either, or a new one with a title', () => {
    expect(request({ sessionID: 'ses_1' }).session).toMatchObject({ id: 'ses_1', continue: false })
    expect(request({ continue: true }).session).toMatchObject({ id: null, continue: true })
    expect(request({ sessionID: 'ses_1', fork: true, ephemeral: true }).session).toMatchObject({ fork: true })
    expect(request({ title: 'A title', ephemeral: true }).session).toMatchObject({
      title: 'A title',
      ephemeral: true,
    })
  })

  it.each([
    [{ sessionID: '' }, /`sessionID` is ""/],
    [{ sessionID: 7 }, /`sessionID` is 7, but must be a non-empty string/],
    [{ sessionID: 'ses_1', continue: true }, /`continue` is true beside `sessionID` "ses_1"/],
    [{ fork: true }, /`fork` is true, but there is no session to fork/],
    [{ sessionID: 'ses_1', ephemeral: true }, /`ephemeral` is true for a session that existed before/],
    [{ continue: true, ephemeral: true }, /`ephemeral` is true for a session that existed before/],
    [{ continue: 'yes' }, /`continue` is "yes", but must be true or false/],
  ])('%j is refused', (options, message) => {
    expect(refusal(options)).toMatchObject(invalid(message))
  })

  it('sessionID beside continue: false is no conflict', () => {
    expect(request({ sessionID: 'ses_1', continue: false }).session.id).toBe('ses_1')
  })
})

describe('the model', () => {
  it.each([
    ['anthropic/claude', { providerID: 'anthropic', modelID: 'claude' }],
    ['openrouter/meta/llama', { providerID: 'openrouter', modelID: 'meta/llama' }],
    [
      { providerID: 'a', modelID: 'b/c' },
      { providerID: 'a', modelID: 'b/c' },
    ],
  ])('%j is split at the first slash', (model, expected) => {
    expect(request({ model }).model).toEqual(expected)
  })

  it.each([
    'gpt-5',
    '/gpt-5',
    'openai/',
    '',
    ' / ',
    5,
    ['a', 'b'],
    { providerID: 'a' },
    { providerID: '', modelID: 'b' },
  ])('%j is refused', (model) => {
    expect(refusal({ model })).toMatchObject(invalid('Option `model` is', "'provider/model'"))
  })
})

describe('what the agent may do', () => {
  it('agent, variant, system and tools are passed on', () => {
    const options = { agent: 'plan', variant: 'high', system: '', tools: { bash: false, edit: true } }
    expect(request(options)).toMatchObject(options)
  })

  it('permission and question have a fixed set of answers', () => {
    expect(request({ permission: 'allow', question: 'leave' })).toMatchObject({
      permission: 'allow',
      question: 'leave',
    })
    expect(refusal({ permission: 'alow' })).toMatchObject(invalid(/`permission` is "alow"/, "'allow'"))
    expect(refusal({ question: 'allow' })).toMatchObject(invalid(/`question` is "allow"/))
  })

  it.each([
    [{ agent: '' }],
    [{ variant: 1 }],
    [{ system: {} }],
    [{ tools: ['bash'] }],
    [{ tools: { bash: 'no' } }],
    [{ raw: 1 }],
  ])('%j is refused', (options) => {
    expect(refusal(options)).toMatchObject(invalid(`\`${Object.keys(options)[0]}`))
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
    expect(request({ mode: 'server' }, { env: { OPENCODE_MODE: 'auto' } }).mode).toBe('server')
    expect(request({}, { env: { OPENCODE_MODE: 'server' } }).mode).toBe('server')
  })

  it('is refused when it is none', () => {
    expect(refusal({ mode: 'sever' })).toMatchObject(invalid(/`mode` is "sever"/, "'server'"))
    expect(refusal({}, { env: { OPENCODE_MODE: 'sever' } })).toMatchObject(
      invalid(/^Environment variable OPENCODE_MODE is "sever"/),
    )
  })

  it('cli is not in this version: each of its routes says so', () => {
    expect(refusal({ mode: 'cli' })).toMatchObject({
      code: 'ERR_OPENCODE_UNSUPPORTED_OPTION',
      accepted: false,
      message: expect.stringMatching(/^Option `mode` is 'cli'/),
      data: {
        routes: [
          { route: 'acp', reason: expect.any(String) },
          { route: 'run', reason: expect.any(String) },
        ],
      },
    })
    expect(refusal({}, { env: { OPENCODE_MODE: 'cli' } }).message).toMatch(
      /^Environment variable OPENCODE_MODE is 'cli'/,
    )
  })
})

describe('options that this version cannot honour', () => {
  it.each([
    [{ autostart: true }],
    [{ cliPath: '/usr/bin/opencode' }],
    [{ cliProtocol: 'acp' }],
    [{ config: { model: 'a/b' } }],
    [{ env: { A: 'b' } }],
    [{ files: ['a.txt'] }],
    [{ jsonRetries: 1 }],
    [{ schema: {} }],
    [{ permission: () => 'once' }],
    [{ question: () => 'reject' }],
  ])('%o is refused, with the reason of each route', (options) => {
    const [name] = Object.keys(options)
    const error = refusal({ ...options, mode: 'auto' })
    expect(error).toMatchObject({
      code: 'ERR_OPENCODE_UNSUPPORTED_OPTION',
      message: expect.stringContaining(`\`${name}\``),
    })
    expect(error.data.routes.map(({ route }) => route)).toEqual(['server', 'private', 'acp', 'run'])
    expect(refusal({ ...options, mode: 'server' }).data.routes).toEqual([error.data.routes[0]])
  })

  it('values that ask for nothing are welcome', () => {
    const nothing = { autostart: false, cliProtocol: 'auto', config: {}, env: {}, files: [] }
    expect(request(nothing)).toEqual(request())
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

describe('health', () => {
  it('knows only what bears on reaching the server', () => {
    expect(readOptions({ baseUrl: 'http://a', timeouts: 5 }, HEALTH_OPTIONS)).toMatchObject({
      timeouts: { total: 5 },
    })
    expect(() => readOptions({ model: 'a/b' }, HEALTH_OPTIONS)).toThrow(/Unknown key `model`/)
  })
})
