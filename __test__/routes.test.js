// Which routes a turn may take, by mode and by what its options ask for. docs/routes.md is the same in words.
import { describe, expect, it } from 'vitest'
import { healthRequest } from '../lib/turn-request.js'
import { refusal, request } from './support/requests.mjs'

const EVERY = ['server', 'private', 'acp', 'run']

describe('the routes of a mode', () => {
  it.each([
    [{}, EVERY],
    [{ autostart: false }, ['server', 'acp', 'run']],
    [{ cliProtocol: 'acp' }, ['server', 'private', 'acp']],
    [{ baseUrl: 'http://127.0.0.1:1' }, ['server']],
    [{ mode: 'server' }, ['server']],
    [{ mode: 'server', autostart: true }, ['server', 'private']],
    [{ mode: 'server', autostart: true, baseUrl: 'http://127.0.0.1:1' }, ['server']],
    [{ mode: 'cli' }, ['acp', 'run']],
    [{ mode: 'cli', cliProtocol: 'run' }, ['run']],
  ])('%o: %j', (options, routes) => {
    expect(request(options).routes).toEqual(routes)
  })

  it('a server that the environment names is for `auto` and `server`; `cli` has no use for it', () => {
    const env = { OPENCODE_SERVER_URL: 'http://127.0.0.1:1', OPENCODE_SERVER_PASSWORD: 'hunter2' }
    expect(request({}, { env })).toMatchObject({ routes: ['server'], url: env.OPENCODE_SERVER_URL })
    expect(request({ mode: 'cli' }, { env })).toMatchObject({
      routes: ['acp', 'run'],
      url: null,
      credentials: null,
    })
  })
})

describe('a route that cannot honour an option is left out', () => {
  it.each([
    [{ cliPath: '/usr/bin/opencode' }, ['private', 'acp', 'run']],
    [{ env: { A: '1' } }, ['private', 'acp', 'run']],
    [{ config: { theme: 'x' } }, ['private', 'acp', 'run']],
    [{ title: 'T' }, ['server', 'private', 'run']],
    [{ ephemeral: true }, ['server', 'private']],
    [{ system: 'Rhyme.' }, ['server', 'private']],
    [{ tools: { bash: false } }, ['server', 'private']],
    [{ permission: 'leave' }, ['server']],
    [{ question: 'leave' }, ['server']],
    [{ onLeave: 'detach' }, ['server']],
    [{ onLeave: 'abort' }, EVERY],
    [{ permission: 'event' }, ['server', 'private', 'acp']],
    [{ question: 'event' }, ['server', 'private']],
    [{ permission: 'allow' }, EVERY],
    [{ agent: 'plan', model: 'a/b', variant: 'high', fork: true, sessionID: 'ses_1', raw: true }, EVERY],
    [{ username: 'me', password: 'hunter2' }, ['server', 'private']],
    [{ headers: { 'x-a': '1' } }, ['server', 'private']],
    [{ env: {}, config: {}, headers: {}, ephemeral: false, tools: {} }, EVERY],
  ])('%o leaves %j', (options, routes) => {
    expect(request(options).routes).toEqual(routes)
  })

  it.each([
    [[{ type: 'agent', name: 'general' }], ['server', 'private']],
    [
      [{ type: 'file', mime: 'text/plain', url: 'data:text/plain;base64,aGk=' }],
      ['server', 'private', 'acp'],
    ],
    [[{ type: 'text', text: 'more' }], ['server', 'private', 'acp']],
  ])('so are those that cannot carry all parts of a prompt: %o', (more, routes) => {
    expect(request({}, { prompt: [{ type: 'text', text: 'Look.' }, ...more] }).routes).toEqual(routes)
  })
})

it('the reasons of those that are left out go along, for the error of the last one', () => {
  expect(request({ onLeave: 'detach' }).skipped).toEqual(
    ['private', 'acp', 'run'].map((route) => ({
      route,
      what: '`onLeave`',
      reason: 'what this route starts ends with this process',
    })),
  )
  expect(request({}).skipped).toEqual([])
})

describe('where no route is left', () => {
  it('the error has the reason of each', () => {
    const error = refusal({ mode: 'cli', system: 'Rhyme.' })
    expect(error).toMatchObject({
      code: 'ERR_OPENCODE_UNSUPPORTED_OPTION',
      accepted: false,
      retryable: false,
      message: expect.stringMatching(/^Option `system` cannot be honoured in mode 'cli'/),
      hint: expect.stringContaining("leave out `mode: 'cli'`"),
      data: {
        routes: [
          { route: 'acp', reason: expect.stringContaining('Agent Client Protocol') },
          { route: 'run', reason: expect.stringContaining('no flag') },
        ],
      },
    })
  })

  it('options that each leave something and together nothing are both named', () => {
    const error = refusal({ cliPath: '/usr/bin/opencode', baseUrl: 'http://127.0.0.1:1', mode: 'auto' })
    expect(error.message).toContain('`cliPath`')
    const both = refusal({ mode: 'cli', title: 'T', permission: () => 'once' })
    expect(both.message).toMatch(/^Together, .*`title`.* and /)
  })

  it('nothing of ours runs on without us', () => {
    for (const options of [
      { mode: 'cli' },
      { cliPath: '/usr/bin/opencode' },
      { mode: 'auto', config: { a: 1 } },
    ]) {
      expect(refusal({ ...options, onLeave: 'detach' })).toMatchObject({
        code: 'ERR_OPENCODE_UNSUPPORTED_OPTION',
        accepted: false,
        message: expect.stringContaining('`onLeave`'),
        hint: expect.stringContaining('leave `onLeave` out'),
        data: {
          routes: expect.arrayContaining([{ route: 'acp', reason: expect.stringMatching(/ends with/) }]),
        },
      })
    }
    const ephemeral = refusal({ onLeave: 'detach', ephemeral: true })
    expect(ephemeral).toMatchObject({
      code: 'ERR_OPENCODE_INVALID_OPTION',
      message: expect.stringContaining('`ephemeral`'),
    })
  })

  it('a server and `cli` exclude each other', () => {
    expect(refusal({ mode: 'cli', baseUrl: 'http://127.0.0.1:1' })).toMatchObject({
      code: 'ERR_OPENCODE_UNSUPPORTED_OPTION',
      message: expect.stringContaining('`baseUrl`'),
    })
  })

  it('`health` asks servers only', () => {
    const subjectOf = (settings, env) => {
      try {
        healthRequest(settings, env)
      } catch ({ code, message }) {
        return `${code} ${message}`
      }
    }
    expect(subjectOf({ mode: 'cli' }, {})).toMatch(/^ERR_OPENCODE_INVALID_OPTION Option `mode` is 'cli'/)
    expect(subjectOf({}, { OPENCODE_MODE: 'cli' })).toMatch(/Environment variable OPENCODE_MODE is 'cli'/)
    expect(subjectOf({}, {})).toBe(undefined)
  })
})
