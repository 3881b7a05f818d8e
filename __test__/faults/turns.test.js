// Turns while connections break at random: every answer exact, every prompt run once, nothing left behind.
// `npm run faults -- --turns 1000 --seed 7` runs as many as you like; without it, a few.
import { readdirSync, readlinkSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateStream } from '../../index.js'
import testing from '../../testing/index.js'
import { processesBelow } from '../support/processes.mjs'
import { realOpenCode, until } from '../support/real-opencode.mjs'
import { faultyWire } from './faulty-wire.mjs'
import { randomOf, seedOfTheRun } from './seed.mjs'

const { reasoning, text, toolCall } = testing
const TURNS = Number(process.env.OPENCODE_STREAM_FAULT_TURNS ?? 60)
const AT_ONCE = 12
const seed = seedOfTheRun()

const openSockets = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:')
    } catch {
      return false
    }
  }).length

/** The faults of the n-th connection of its kind. */
function faultsOf(kind, n) {
  const { chance, below } = randomOf(seed, kind, n)
  const reset = chance(0.5)
  if (kind === 'event') {
    const split = chance(0.3) ? 1 + below(200) : undefined
    if (chance(0.03)) return { stallDown: below(12_000), split }
    return chance(0.5) ? { cutDown: below(12_000), reset, split } : { split }
  }
  if (!chance(0.06)) return undefined
  // Without an id, a prompt whose request is cut on its way up cannot be told from one that ran: that is a test of its
  // own.
  if (kind === 'prompt' || chance(0.5)) return { cutDown: below(300), reset }
  return { cutUp: below(200), reset }
}

const kindOf = (line) =>
  line.includes('/event') ? 'event' : line.includes('prompt_async') ? 'prompt' : 'request'
// OpenCode 2 stores a prompt once however often it is sent, so that there it is a request like any other.

/** What turn `n` says: its words by its number, a third of the turns with a tool in between. */
function scriptOf(n) {
  const { below } = randomOf(seed, 'script', n)
  const words = (count) =>
    Array.from({ length: count }, (_, at) => `${['tok', 'größe', '日本', '😀', 'ha '][below(5)]}${at} `)
  const [first, last] = [words(below(20)).concat('.'), words(3 + below(40)).concat(`end of ${n}`)]
  return { first, last, withTool: n % 3 === 0, thinks: n % 2 === 0 }
}

describe.each([
  ['1.18.33', Math.ceil(TURNS * 0.4)],
  ['1.1.31', Math.floor(TURNS * 0.2)],
  ['2.0.15', Math.floor(TURNS * 0.4)],
])('OpenCode %s, %i turns', (version, turns) => {
  const real = realOpenCode({ version })
  let wire
  const made = { event: 0, prompt: 0, request: 0 }
  const tally = { reconnects: 0, again: 0 }
  beforeAll(async () => {
    wire = await faultyWire(real.server.url)
    await writeFile(join(real.server.directory, 'note.txt'), 'a word in a file')
    const afterTool = ({ messages }) => messages.at(-1).role === 'tool'
    const isTurn = ({ prompt }) => /^turn \d+$/.test(prompt)
    const scriptFor = ({ prompt }) => scriptOf(Number(prompt.slice(5)))
    const filePath = join(real.server.directory, 'note.txt')
    real.model.when(
      (request) => isTurn(request) && afterTool(request),
      (request) => text(scriptFor(request).last, { pace: 3 }),
    )
    real.model.when(isTurn, (request) => {
      const { first, last, withTool, thinks } = scriptFor(request)
      const thought = thinks ? [reasoning(['let ', 'me ', 'see'], { pace: 3 })] : []
      if (!withTool) return [...thought, text(last, { pace: 3 })]
      const input = real.generation === 2 ? { path: filePath } : { filePath }
      return [...thought, text(first, { pace: 3 }), toolCall('read', input)]
    })
  })
  afterAll(() => wire.close())

  // Turns with the same headers share an event connection: some do, most have their own.
  const options = (n) => {
    const headers = { 'x-connection': n % 4 === 0 ? 'shared' : String(n) }
    // A server on a busy machine may be slow to answer; that is no fault of ours to find.
    return real.options({ baseUrl: wire.url, headers, timeouts: { idle: 4_000, accept: 180_000 } })
  }
  const expected = (n) => {
    const { first, last, withTool } = scriptOf(n)
    return withTool ? `${first.join('')}\n\n${last.join('')}` : last.join('')
  }

  /** One turn; where nothing was sent, it is called again, as `retryable` says one may. */
  async function turn(n) {
    for (;;) {
      const stream = generateStream(`turn ${n}`, options(n))
      try {
        let streamed = ''
        for await (const chunk of stream) streamed += chunk
        const { text: answer, reconnects } = await stream.result
        tally.reconnects += reconnects
        return { streamed, answer }
      } catch (error) {
        if (!error.retryable || error.accepted !== false) {
          error.message += ` (turn ${n}, OPENCODE_STREAM_FAULT_SEED=${seed})`
          throw error
        }
        tally.again += 1
      }
    }
  }

  it(
    'all exact, each prompt run once, nothing left',
    async () => {
      await turn(10_000_000)
      await until(() => wire.connections.size === 0)
      const before = { sockets: openSockets(), processes: processesBelow(process.pid).length }
      const memory = []
      wire.faultsOf = ({ line }) => faultsOf(kindOf(line), made[kindOf(line)]++)
      let next = 0
      const worker = async () => {
        while (next < turns) {
          const n = next++
          const { streamed, answer } = await turn(n)
          const why = `turn ${n}, OPENCODE_STREAM_FAULT_SEED=${seed}`
          expect(streamed, why).toBe(expected(n))
          expect(answer, why).toBe(streamed)
          if (n % 100 === 50) memory.push(process.memoryUsage().rss)
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, worker))
      wire.faultsOf = () => undefined

      const prompted = real.model.requests.filter(({ messages }) => messages.at(-1).role !== 'tool')
      const counts = new Map()
      for (const { prompt } of prompted) counts.set(prompt, (counts.get(prompt) ?? 0) + 1)
      const ran = Array.from({ length: turns }, (_, n) => counts.get(`turn ${n}`))
      expect(ran, `each prompt ran once, OPENCODE_STREAM_FAULT_SEED=${seed}`).toEqual(ran.map(() => 1))

      await until(() => wire.connections.size === 0)
      await until(() => openSockets() <= before.sockets)
      expect(processesBelow(process.pid).length).toBe(before.processes)
      expect(await real.active()).toEqual([])
      const growth = memory.at(-1) / memory[Math.min(2, memory.length - 1)]
      if (memory.length > 5)
        expect(growth, 'the memory of the last turns to that of the first').toBeLessThan(1.5)
      console.log(
        `OpenCode ${version}: ${turns} turns exact, seed ${seed}; ${made.event} event connections, ` +
          `${tally.reconnects} reconnects, ${tally.again} calls made again${memory.length > 5 ? `, memory ×${growth.toFixed(2)}` : ''}`,
      )
    },
    60_000 + turns * 5_000,
  )
})
