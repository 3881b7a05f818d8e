import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { HEALTH_OPTIONS, readOptions } from '../lib/options.js'
import { invalid, refusal, request } from './support/requests.mjs'

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

  it('in the environment has the name that OpenCode 2 gives it too', () => {
    const second = { OPENCODE_PASSWORD: 'second' }
    const passwordIn = (env) => request({ baseUrl }, { env }).credentials?.password
    expect(passwordIn(second)).toBe('second')
    expect(passwordIn({ ...second, ...env })).toBe('env-pass')
    expect(passwordIn({ ...second, OPENCODE_SERVER_PASSWORD: '' })).toBe('second')
    expect(passwordIn({ ...second, OPENCODE_SERVER_URL: 'http://another' })).toBeUndefined()
    expect(request({}, { env: second }).credentials).toBe(null)
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

  it('of the defaults go to no other server that a call names', () => {
    const headers = { authorization: 'a', Cookie: 'c', 'X-Api-Key': 'k', 'x-team': 't' }
    const from = (defaults, own, env = {}) => {
      const { credentials, headers } = request(own, { defaults, env })
      return [credentials, Object.keys(headers)]
    }
    const a = { baseUrl: 'http://a', username: 'u', password: 'of-a' }
    const given = [{ username: 'u', password: 'of-a' }, []]
    expect(from(a, { baseUrl: 'http://b' })).toEqual([null, []])
    expect(from(a, { serverUrl: 'http://a/b' })).toEqual([null, []])
    expect(from(a, { baseUrl: 'http://a/' })).toEqual(given)
    expect(from(a, {})).toEqual(given)
    expect(from({ baseUrl: 'http://u:of-a@a' }, { baseUrl: 'http://b' })).toEqual([null, []])
    expect(from({ baseUrl: 'http://a', headers }, { baseUrl: 'http://b' })).toEqual([null, ['x-team']])
    expect(
      from({ baseUrl: 'http://a', headers }, { baseUrl: 'http://b', headers: { cookie: 'd' } })[1],
    ).toEqual(['x-team', 'cookie'])
    // Without an address of their own they are for the server of the environment, or the implicit one.
    const { baseUrl: _, ...unnamed } = a
    expect(from(unnamed, { baseUrl: 'http://b' })).toEqual([null, []])
    expect(from(unnamed, { baseUrl: 'http://a' }, { OPENCODE_SERVER_URL: 'http://a' })).toEqual(given)
    expect(from(unnamed, { baseUrl: 'http://127.0.0.1:4096' })).toEqual(given)
  })

  it('of the environment go to the server that it names, and to no other', () => {
    const both = { ...env, OPENCODE_SERVER_URL: 'http://env' }
    expect(request({ baseUrl: 'http://env/' }, { env: both }).credentials).toMatchObject({
      password: 'env-pass',
    })
    expect(request({ baseUrl: 'http://other' }, { env: both }).credentials).toBe(null)
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
    ...[
      'content-length',
      'Transfer-Encoding',
      'host',
      'Connection',
      'content-type',
      'te',
      'upgrade',
      'expect',
    ].map((name) => [{ [name]: '1' }, /is set for each request here/]),
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

  const loopback = [
    ...['localhost', 'LOCALHOST', 'localhost.', 'a.localhost', '127.0.0.1', '127.1.2.3', '127.1', '0.0.0.0'],
    ...['[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:0.0.0.0]'],
  ].map((host) => `http://${host}:1`)
  it.each(loopback)('is ours by default for %s', (baseUrl) => {
    expect(request({ baseUrl })).toMatchObject({ directory: process.cwd(), directoryGiven: false })
  })

  it.each([
    ...['http://example.com', 'http://10.0.0.1', 'http://127.example.com', 'http://localhost.example.com'],
    ...['http://notlocalhost', 'http://[::ffff:10.0.0.1]', 'http://[::2]'],
  ])('is theirs by default for %s', (baseUrl) => {
    expect(request({ baseUrl }).directory).toBe(null)
    expect(request({ baseUrl, directory: '/srv' }).directory).toBe(path.resolve('/srv'))
  })

  it.each(['', ' ', 1, true])('%j is refused', (directory) => {
    expect(refusal({ directory })).toMatchObject(invalid('`directory`'))
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
