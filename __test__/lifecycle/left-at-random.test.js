// Many turns, each left at a moment of its own: nothing of them stays, neither process nor socket nor file.
import { mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OpenCode } from '../../index.js'
import testing from '../../testing/index.js'
import { differences } from '../contract/differences.mjs'
import { otherClients } from '../support/dialects.mjs'
import { processesBelow, processesMarked } from '../support/processes.mjs'

const { openCode, opencodeBinary, text } = testing

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

/** How many turns on each route, by release. */
const TURNS = {
  '1.1.31': { server: 50, private: 10, acp: 20, run: 20 },
  '2.0.15': { server: 24, private: 6, acp: 0, run: 6 },
}

describe.each(Object.keys(TURNS))('OpenCode %s', (version) => {
  let opencode
  let directory
  beforeAll(async () => {
    opencode = await openCode({
      version,
      fallback: [
        text(Array.from({ length: 200 }, (_, n) => `tok${n} `)),
        differences('server', version).shell('sleep 1000'),
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
    `turns left at random leave nothing (seed ${SEED})`,
    { timeout: 240_000 },
    async () => {
      const next = random(SEED)
      const turns = TURNS[version]
      const own = { cliPath: await opencodeBinary(version), env: opencode.model.env, config, directory }
      const routes = [
        ...Array(turns.server).fill(opencode.options),
        ...Array(turns.private).fill({ mode: 'server', autostart: true, ...own }),
        ...Array(turns.acp).fill({ mode: 'cli', cliProtocol: 'acp', ...own }),
        ...Array(turns.run).fill({ mode: 'cli', cliProtocol: 'run', ...own }),
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
    const { url, generation, password } = opencode.server
    const headers = password && { authorization: `Basic ${btoa(`opencode:${password}`)}` }
    const ask = async (path) => {
      const place = new URL(path, url)
      place.searchParams.set('directory', opencode.directory)
      return (await fetch(place, { headers })).json()
    }
    return otherClients[generation](ask).active()
  }
})
