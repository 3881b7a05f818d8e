// Nobody named a server: OpenCode 2's registered background service is used, if its registration is ours alone.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { generate, health, OpenCode } from '../../index.js'
import testing from '../../testing/index.js'

const { opencodeBinary, scriptedModel, startOpenCode, text } = testing
const { XDG_STATE_HOME } = process.env
let model
let server
let state
let file

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), 'state-'))
  mkdirSync(join(state, 'opencode'))
  file = join(state, 'opencode', 'service.json')
  process.env.XDG_STATE_HOME = state
  model = await scriptedModel()
  server = await startOpenCode({ version: '2.0.15', model })
})
afterAll(async () => {
  if (XDG_STATE_HOME === undefined) delete process.env.XDG_STATE_HOME
  else process.env.XDG_STATE_HOME = XDG_STATE_HOME
  rmSync(state, { recursive: true })
  await server?.stop()
  await model?.close()
})

function register(more = {}, mode = 0o600) {
  const { url, pid, password } = server
  writeFileSync(file, JSON.stringify({ id: 'x', version: '2.0.15', url, pid, password, ...more }))
  chmodSync(file, mode)
}

const turn = () => generate('hi', { mode: 'server', directory: server.directory })

it('it is found, with its password', async () => {
  register()
  model.reply(text('found'))
  expect(await turn()).toMatchObject({ text: 'found', route: 'server', generation: 2 })
  expect(await health()).toMatchObject({ url: server.url, generation: 2, authenticated: true })
})

it('auto uses it too, and without it starts the `opencode` that is installed', async () => {
  const { PATH } = process.env
  const binary = await opencodeBinary('2.0.15')
  const options = { directory: server.directory, permission: 'reject' }
  const read = async (client, more) => {
    const stream = client.generateStream('hi', { ...options, ...more })
    const events = []
    for await (const event of stream.events) events.push(event)
    return { events, result: await stream.result }
  }
  const client = new OpenCode()
  // A private server inherits it all.
  const before = Object.fromEntries(Object.keys(model.env).map((name) => [name, process.env[name]]))
  Object.assign(process.env, model.env, { PATH: `${dirname(binary)}:${PATH}`, XDG_STATE_HOME: state })
  try {
    register()
    model.reply(text('of the service'))
    const used = await read(client)
    expect(used.result).toMatchObject({ text: 'of the service', route: 'server', generation: 2 })
    expect(used.events.some(({ type }) => type === 'fallback')).toBe(false)
    rmSync(file)
    model.reply(text('of our own'))
    const started = await read(client)
    expect(started.result).toMatchObject({ text: 'of our own', route: 'private', generation: 2 })
    expect(started.events[0]).toMatchObject({ type: 'fallback', from: 'server', to: 'private' })
  } finally {
    await client.close()
    for (const [name, value] of Object.entries({ ...before, PATH, XDG_STATE_HOME: state })) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
})

it('a registration that others can read is not used', async () => {
  register({}, 0o644)
  const error = await turn().catch((error) => error)
  expect(error).toMatchObject({ code: 'ERR_OPENCODE_UNREACHABLE', accepted: false })
  expect(error.message).toMatch(/can be read or written by others \(mode 644\); .*4096/s)
})

// Only root can give a file away.
it.runIf(process.getuid?.() === 0)('the registration of another user is not used', async () => {
  register()
  const { chownSync } = await import('node:fs')
  chownSync(file, 65_534, 65_534)
  await expect(turn()).rejects.toMatchObject({
    message: expect.stringMatching(/belongs to another user \(uid 65534\)/),
  })
  rmSync(file)
})

it('a service that is registered and gone is said to be gone', async () => {
  const gone = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => gone.once('listening', resolve))
  const { port } = gone.address()
  await new Promise((resolve) => gone.close(resolve))
  register({ url: `http://127.0.0.1:${port}` })
  await expect(turn()).rejects.toMatchObject({
    code: 'ERR_OPENCODE_UNREACHABLE',
    message: expect.stringMatching(new RegExp(`registered at http://127.0.0.1:${port}.*listens`)),
  })
})

it('a service that refuses its own registration is said to do so, without the password', async () => {
  register({ password: 'another-password' })
  const error = await turn().catch((error) => error)
  expect(error.message).toMatch(/refuses the password of its own registration/)
  expect(JSON.stringify(error)).not.toContain('another-password')
})

it('a registration that says nothing of use is named as such', async () => {
  writeFileSync(file, '{', { mode: 0o600 })
  chmodSync(file, 0o600)
  await expect(turn()).rejects.toMatchObject({ message: expect.stringMatching(/cannot be read/) })
})
