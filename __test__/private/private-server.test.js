// No server anywhere: one of our own, that nobody else can use and that is gone when we are.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { generate, OpenCode } from '../../index.js'
import testing from '../../testing/index.js'
import { differences } from '../contract/differences.mjs'
import { processesBelow } from '../support/processes.mjs'
import { until } from '../support/real-opencode.mjs'

const { opencodeBinary, scriptedModel, text } = testing

const index = fileURLToPath(new URL('../../index.js', import.meta.url))

describe.each(['1.18.33', '2.0.15'])('OpenCode %s', (version) => {
  const { tellsItsDoor } = differences('private', version)
  let model
  let binary
  let directory
  beforeAll(async () => {
    model = await scriptedModel()
    binary = await opencodeBinary(version)
    directory = mkdtempSync(join(tmpdir(), 'private-'))
  })
  afterAll(async () => {
    await model.close()
    rmSync(directory, { recursive: true, force: true })
  })

  /** The servers themselves, and not what watches over them. */
  const opencodeServers = () =>
    processesBelow(process.pid).filter(({ line }) => line.startsWith(`${binary} serve --`))

  const clients = []
  const remember = (client) => {
    clients.push(client)
    return client
  }
  afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())))

  const options = (more) => ({
    mode: 'server',
    autostart: true,
    cliPath: binary,
    env: model.env,
    directory,
    ...more,
  })

  describe('a private server', () => {
    it('streams with no server anywhere, two clients share it, and the last close() ends it', async () => {
      const [one, two] = [new OpenCode(options()), new OpenCode(options())]
      model.when('share', text(['from ', 'our ', 'own']))
      const [first, second] = await Promise.all([one.generate('share'), two.generate('share')])
      expect(first).toMatchObject({ text: 'from our own', route: 'private', finishReason: 'stop' })
      expect(second.text).toBe('from our own')
      expect(opencodeServers()).toHaveLength(1)
      expect(opencodeServers()[0].line).not.toContain('--port 4096')
      await one.close()
      expect((await two.generate('share')).text).toBe('from our own')
      await two.close()
      expect(processesBelow(process.pid).filter(({ line }) => line.includes(binary))).toEqual([])
    })

    it('has a password of its own, which is nowhere in argv', async () => {
      const client = remember(new OpenCode(options()))
      model.reply(text('hello'))
      await client.generate('hi')
      const server = opencodeServers()[0]
      expect(server.line).not.toMatch(/password/i)
      if (!tellsItsDoor) return
      const port = /--port (\d+)/.exec(server.line)[1]
      const refused = await fetch(`http://127.0.0.1:${port}/session`)
      expect(refused.status).toBe(401)
    })

    it('is started with `config` merged over an inherited one, however large', async () => {
      const inherited = JSON.parse(model.env.OPENCODE_CONFIG_CONTENT)
      const agent = { pirate: { prompt: `Speak like a pirate. ${'x'.repeat(120_000)}`, mode: 'primary' } }
      expect(inherited.provider).toBeTruthy()
      const client = remember(new OpenCode(options({ config: { agent } })))
      model.reply(text('arr'))
      expect((await client.generate('hi', { agent: 'pirate' })).text).toBe('arr')
      expect(JSON.stringify(model.requests.at(-1).messages)).toContain('Speak like a pirate')
    })

    it('a server that died is replaced by the next turn', async () => {
      const client = remember(new OpenCode(options()))
      model.when('again', text('alive'))
      await client.generate('again')
      const server = opencodeServers()[0]
      process.kill(server.pid, 'SIGKILL')
      await until(() => processesBelow(process.pid).every(({ pid }) => pid !== server.pid))
      expect((await client.generate('again')).text).toBe('alive')
    })

    it('one that dies in mid-turn is told at once, with what it said', async () => {
      const client = remember(new OpenCode(options()))
      model.reply(text(['so far ', 'never'], { gate: testing.lockstep() }))
      const stream = client.generateStream('hi')
      const error = await (async () => {
        for await (const _ of stream) {
          const server = opencodeServers()[0]
          process.kill(server.pid, 'SIGKILL')
        }
      })().catch((error) => error)
      expect(error).toMatchObject({
        code: 'ERR_OPENCODE_STREAM_LOST',
        accepted: true,
        data: { text: 'so far ' },
      })
    })
  })

  describe('without any option', () => {
    it('`auto` starts one where nobody listens, and says so before the prompt is sent', async () => {
      model.reply(text('from nowhere'))
      const script = `
      const { generateStream } = require(${JSON.stringify(index)})
      ;(async () => {
        for await (const event of generateStream('hi').events) console.log(JSON.stringify(event))
      })()
    `
      const env = { ...model.env, OPENCODE_BIN: binary }
      const child = spawn(process.execPath, ['-e', script], {
        cwd: directory,
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let printed = ''
      child.stdout.on('data', (bytes) => {
        printed += bytes
      })
      const [code] = await once(child, 'close')
      const events = printed
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(events[0]).toMatchObject({ type: 'fallback', from: 'server', to: 'private' })
      expect(events[0].reason).toContain('127.0.0.1:4096')
      expect(events.at(-1).result).toMatchObject({ text: 'from nowhere', route: 'private' })
      expect(code).toBe(0)
    })
  })

  describe.runIf(version === '1.18.33')('what cannot be started', () => {
    it('a release that ignores the password is refused, with a hint', async () => {
      const old = await opencodeBinary('1.1.11')
      const error = await generate('hi', options({ cliPath: old })).catch((error) => error)
      expect(error).toMatchObject({ code: 'ERR_OPENCODE_UNSUPPORTED_VERSION', accepted: false })
      expect(error.hint).toContain('1.1.16')
      expect(processesBelow(process.pid).filter(({ line }) => line.includes('1.1.11'))).toEqual([])
    })

    it('no executable there: not found, with how to install it', async () => {
      const error = await generate('hi', options({ cliPath: '/nowhere/opencode' })).catch((error) => error)
      expect(error).toMatchObject({ code: 'ERR_OPENCODE_CLI_NOT_FOUND', accepted: false })
      expect(error.hint).toContain('opencode-ai')
    })

    it('an executable that the project brought along is not looked at', async () => {
      const bin = join(directory, 'node_modules', '.bin')
      mkdirSync(bin, { recursive: true })
      writeFileSync(join(bin, 'opencode'), '#!/bin/sh\ntouch pwned\n', { mode: 0o755 })
      const env = { ...model.env, PATH: `${bin}:.:` }
      const error = await generate('hi', options({ cliPath: 'opencode', env })).catch((error) => error)
      expect(error.code).toBe('ERR_OPENCODE_CLI_NOT_FOUND')
    })

    it("npm's wrapper script is passed over for the binary behind it", async () => {
      const root = mkdtempSync(join(tmpdir(), 'wrapper-'))
      const wrapper = join(root, 'node_modules', 'opencode-ai', 'bin', 'opencode')
      const platform = join(root, 'node_modules', 'opencode-linux-x64', 'bin')
      mkdirSync(join(wrapper, '..'), { recursive: true })
      mkdirSync(platform, { recursive: true })
      writeFileSync(wrapper, '#!/usr/bin/env node\nprocess.exit(9)\n', { mode: 0o755 })
      symlinkSync(binary, join(platform, 'opencode'))
      try {
        const client = remember(new OpenCode(options({ cliPath: wrapper })))
        model.reply(text('the real one'))
        expect((await client.generate('hi')).text).toBe('the real one')
      } finally {
        rmSync(root, { recursive: true, force: true })
      }
    })

    it('one that ends before it listens: the end of its stderr', async () => {
      const broken = join(directory, 'broken')
      writeFileSync(broken, '#!/bin/sh\necho "cannot open database" >&2\nexit 3\n')
      chmodSync(broken, 0o755)
      const error = await generate('hi', options({ cliPath: broken })).catch((error) => error)
      expect(error).toMatchObject({ code: 'ERR_OPENCODE_SERVER_START', exitCode: 3, accepted: false })
      expect(error.stderr).toContain('cannot open database')
    })

    it('one that never listens: a timeout that names its phase, and nothing left', async () => {
      const silent = join(directory, 'silent')
      writeFileSync(silent, '#!/bin/sh\nsleep 1000\n')
      chmodSync(silent, 0o755)
      const error = await generate('hi', options({ cliPath: silent, timeouts: { serverStart: 300 } })).catch(
        (error) => error,
      )
      expect(error).toMatchObject({ code: 'ERR_OPENCODE_TIMEOUT', data: { phase: 'serverStart' } })
      await until(() => processesBelow(process.pid).every(({ line }) => !line.includes('sleep 1000')))
    })
  })
})
