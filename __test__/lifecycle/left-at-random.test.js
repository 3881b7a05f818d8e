// A hundred turns, each left at a moment of its own: nothing of them stays, neither process nor socket nor file.
import { mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { OpenCode } from '../../index.js'
import testing from '../../testing/index.js'
import { processesBelow, processesMarked } from '../support/processes.mjs'

const { openCode, opencodeBinary, text, toolCall } = testing

const OLD = '1.1.31'
/** Set it to the seed that a failure printed, to leave the turns at the same moments again. */
const SEED = Number(process.env.OPENCODE_STREAM_SEED ?? Date.now() % 1_000_000)

/** Numbers from 0 to 1 that depend on the seed alone. */
function random(seed) {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** So long that it travels in a file. */
const config = { command: { long: { template: 'x'.repeat(120 * 1024) } } }

let opencode
let directory
beforeAll(async () => {
  opencode = await openCode({
    version: OLD,
    fallback: [
      text(Array.from({ length: 200 }, (_, n) => `tok${n} `)),
      toolCall('bash', { command: 'sleep 1000', description: 'sleep' }),
    ],
  })
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'left-')))
})
afterAll(async () => {
  await opencode?.close()
  if (directory) rmSync(directory, { recursive: true, force: true })
})

const sockets = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /^(socket|pipe):/.test(readlinkSync(`/proc/self/fd/${fd}`))
    } catch {
      return false
    }
  }).length
const files = () => readdirSync(tmpdir()).filter((name) => name.startsWith('opencode-stream-'))

it.runIf(process.platform === 'linux')(
  `100 turns left at random leave nothing (seed ${SEED})`,
  { timeout: 240_000 },
  async () => {
    const next = random(SEED)
    const own = { cliPath: await opencodeBinary(OLD), env: opencode.model.env, config, directory }
    const routes = [
      ...Array(50).fill(opencode.options),
      ...Array(10).fill({ mode: 'server', autostart: true, ...own }),
      ...Array(20).fill({ mode: 'cli', cliProtocol: 'acp', ...own }),
      ...Array(20).fill({ mode: 'cli', cliProtocol: 'run', ...own }),
    ]
    const marked = () =>
      processesMarked(`HOME=${opencode.model.env.HOME}\0`).filter(({ line }) => line.includes('opencode'))

    const client = new OpenCode()
    const leave = async (options) => {
      const stream = client.generateStream('go on for ever', options)
      const reader = stream[Symbol.asyncIterator]()
      const reading = reader.next()
      await after(next() * 2500)
      await (next() < 0.5 ? stream.abort() : reader.return())
      await reading
      expect(await stream.result).toMatchObject({ finishReason: 'abort' })
    }
    // The first child of a process opens what is kept for all of them.
    await leave(routes.at(-1))
    const before = {
      files: files(),
      sockets: sockets(),
      below: processesBelow(process.pid).length,
      marked: marked().length,
    }
    // Four at a time: more would only wait for each other.
    const waiting = routes.map((options) => ({ options, at: next() })).sort((a, b) => a.at - b.at)
    const worker = async () => {
      for (let turn = waiting.pop(); turn; turn = waiting.pop()) await leave(turn.options)
    }
    await Promise.all([worker(), worker(), worker(), worker()])
    await client.close()

    await expect
      .poll(() => processesBelow(process.pid).length, { timeout: 10_000 })
      .toBeLessThanOrEqual(before.below)
    await expect.poll(() => marked().length, { timeout: 10_000 }).toBeLessThanOrEqual(before.marked)
    // Connections that are kept for the next request are let go within seconds.
    await expect.poll(sockets, { timeout: 20_000 }).toBeLessThanOrEqual(before.sockets)
    expect(files()).toEqual(before.files)
    for (const id of await busySessions()) expect.fail(`session ${id} still runs`)
  },
)

async function busySessions() {
  const url = new URL('/session/status', opencode.server.url)
  url.searchParams.set('directory', opencode.directory)
  const status = await (await fetch(url)).json()
  return Object.keys(status).filter((id) => status[id].type !== 'idle')
}
