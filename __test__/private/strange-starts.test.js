// A private server that does not come up, or not at once: bounded starts, one error, and no process left.
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { OpenCode } from '../../index.js'
import { until } from '../support/real-opencode.mjs'

let folder
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'strange-starts-')))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const clients = []
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
})

/** An "opencode" that is this script; what it starts with, line by line, is in `starts()`. */
let count = 0
function program(source) {
  const at = join(folder, `opencode-${++count}`)
  const starts = `${at}.starts`
  const small = new URL('../faults/small-opencode.mjs', import.meta.url).href
  const head = `#!${process.execPath}
    const { appendFileSync, existsSync, readFileSync, writeFileSync } = require('node:fs')
    appendFileSync(${JSON.stringify(starts)}, process.pid + '\\n')
    const port = Number(process.argv[process.argv.indexOf('--port') + 1])
    const listening = () => console.log('opencode server listening on http://127.0.0.1:' + port)
    const file = ${JSON.stringify(at)}
    const serve = async () => {
      const { smallOpenCode } = await import(${JSON.stringify(small)})
      const wanted = 'Basic ' + Buffer.from('opencode:' + process.env.OPENCODE_SERVER_PASSWORD).toString('base64')
      await smallOpenCode({ port, hook: ({ headers }, response) => {
        if (headers.authorization === wanted) return false
        response.writeHead(401).end()
        return true
      } })
      listening()
    }
  `
  writeFileSync(at, head + source)
  chmodSync(at, 0o755)
  const pids = () => (existsSync(starts) ? readFileSync(starts, 'utf8').trim().split('\n').map(Number) : [])
  const client = new OpenCode({ mode: 'server', autostart: true, cliPath: at, directory: folder })
  clients.push(client)
  return { client, pids, running: () => pids().filter(isRunning) }
}
function isRunning(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('a start', () => {
  it('of a server that dies at each first request is tried three times', async () => {
    const { client, pids } = program(`
      require('node:http').createServer(({ headers }, response) => {
        if (headers.authorization) process.exit(1)
        response.writeHead(401).end()
      }).listen(port, '127.0.0.1', listening)`)
    await expect(client.generate('hi')).rejects.toMatchObject({
      code: 'ERR_OPENCODE_SERVER_START',
      accepted: false,
    })
    expect(pids()).toHaveLength(3)
  })

  it.each([
    ['a port that was taken (1.18.33)', 'Error: Unexpected error\n\nServeError\n'],
    ['a port that was taken (1.1.31)', 'Failed to start server on port 4096\n'],
    [
      'a database that another process sets up',
      'Error: Unexpected error\n\nFailed query: \n CREATE TABLE `workspace` (\n',
    ],
    ['a database that is locked', 'database is locked\n'],
  ])('is tried again for %s', async (_, stderr) => {
    const { client, pids } = program(`
      if (existsSync(file + '.once')) serve()
      else { writeFileSync(file + '.once', ''); process.stderr.write(${JSON.stringify(stderr)}); process.exitCode = 1 }`)
    expect((await client.generate('hi')).text).toBe('answer to hi')
    expect(pids()).toHaveLength(2)
  })

  it('is not made while another first start of the data folder is under way', async () => {
    const { client, pids } = program(`
      const { mkdirSync } = require('node:fs')
      const isFirst = (() => { try { mkdirSync(file + '.first'); return true } catch { return false } })()
      if (isFirst || existsSync(file + '.ready')) serve().then(() => writeFileSync(file + '.ready', ''))
      else { process.stderr.write('database is locked'); process.exitCode = 1 }`)
    const turns = ['a', 'b', 'c'].map((username) => client.generate('hi', { config: { username } }))
    for (const { text } of await Promise.all(turns)) expect(text).toBe('answer to hi')
    expect(pids()).toHaveLength(3)
  })

  it('that never gets its port is given up', async () => {
    const { client, pids } = program(`process.stderr.write('ServeError'); process.exitCode = 1`)
    await expect(client.generate('hi')).rejects.toMatchObject({
      code: 'ERR_OPENCODE_SERVER_START',
      stderr: expect.stringContaining('ServeError'),
    })
    expect(pids()).toHaveLength(3)
  })

  it('that hangs fails all who wait by their own serverStart, and is ended with the last', async () => {
    const { client, pids, running } = program('setInterval(() => {}, 1000)')
    const turns = Array.from({ length: 5 }, () => client.generate('hi', { timeouts: { serverStart: 700 } }))
    const patient = client.generate('hi', { timeouts: { serverStart: 1_500 } })
    for (const { reason } of await Promise.allSettled([...turns, patient])) {
      expect(reason).toMatchObject({ code: 'ERR_OPENCODE_TIMEOUT', data: { phase: 'serverStart' } })
    }
    // One after another there would have been six.
    expect(pids()).toHaveLength(1)
    await until(() => running().length === 0)
  })

  it('is of the address that we chose, whatever it prints', async () => {
    const { client } = program(`
      console.log = (line) => process.stdout.write(line.replace('127.0.0.1', 'opencode.invalid') + '\\n')
      serve()`)
    expect((await client.generate('hi')).text).toBe('answer to hi')
  })
})

describe('a server', () => {
  it('gives way to the next when the environment has changed, and ends when it is no longer used', async () => {
    const { client, pids, running } = program('serve()')
    for (const id of ['a', 'b', 'c']) {
      process.env.STRANGE_STARTS_ID = id
      expect((await client.generate('hi')).text).toBe('answer to hi')
    }
    delete process.env.STRANGE_STARTS_ID
    expect(pids()).toHaveLength(3)
    await until(() => running().length === 1)
  })

  it('is one for each `env` that calls give, and stays', async () => {
    const { client, pids } = program('serve()')
    for (const id of ['a', 'b', 'a', 'b']) await client.generate('hi', { env: { TENANT: id } })
    expect(pids()).toHaveLength(2)
  })

  it('is not started in a directory that is none', async () => {
    const { client, pids } = program('serve()')
    for (const directory of [join(folder, 'nowhere'), process.execPath]) {
      await expect(client.generate('hi', { directory })).rejects.toMatchObject({
        code: 'ERR_OPENCODE_INVALID_OPTION',
        message: expect.stringContaining(directory),
        accepted: false,
      })
    }
    expect(pids()).toEqual([])
  })

  it('goes past every proxy on loopback', async () => {
    const { client } = program(`appendFileSync(file + '.env', process.env.NO_PROXY ?? ''); serve()`)
    await client.generate('hi', { env: { HTTP_PROXY: 'http://127.0.0.1:9', no_proxy: 'intra.example' } })
    expect(readFileSync(join(folder, `opencode-${count}.env`), 'utf8')).toContain('127.0.0.1,localhost,::1')
  })
})
