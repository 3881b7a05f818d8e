// One sample, in a process of its own: `node sample.mjs '{"contender": …}'` prints what it measured.

import fs from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { contenders } from '../contenders/index.mjs'
import { plan } from './replay-server.mjs'

/** As long as what the server sends for it to be ours. */
const PROMPT = 'bench'

const job = JSON.parse(process.argv[2])
const began = process.hrtime.bigint()
const run = await contenders[job.contender].load()
const loaded = process.hrtime.bigint()

if (job.warmUp) await measure({ turns: Math.min(job.turns, 10), events: job.warmUp, chunking: job.chunking })
process.stdout.write(JSON.stringify(await measure(job)))
process.exit(0)

/** Runs the turns of one plan; the clock runs from the first token to the last. */
async function measure({ turns, events, chunking, pace, tools, long, monitor }) {
  await plan(job.url, { turns, events, chunking, pace, tools, long })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const latencies = []
  let first = null
  let last
  let chunks = 0
  let characters = 0
  const readings = await run({
    url: job.url,
    turns,
    text: PROMPT,
    onText: (text) => {
      if (first === null) {
        first = reading()
        if (monitor) delay.enable()
      }
      chunks++
      characters += text.length
      if (pace) {
        const now = process.hrtime.bigint()
        for (const stamp of text.matchAll(/@(\d+)/g)) latencies.push(Number(now - BigInt(stamp[1])) / 1000)
      }
    },
  })
  last = reading()
  delay.disable()
  return summary({ first, last, chunks, characters, latencies, delay, pace, readings })
}

function reading() {
  return {
    at: process.hrtime.bigint(),
    main: mainThreadTime(),
    all: process.cpuUsage(),
  }
}

/** Nanoseconds that the main thread has been running; undefined where the system does not say. */
function mainThreadTime() {
  try {
    return Number(fs.readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0])
  } catch {
    return undefined
  }
}

function summary({ first, last, chunks, characters, latencies, delay, pace }) {
  const tokens = pace ? latencies.length : characters / 5
  const seconds = Number(last.at - first.at) / 1e9
  const cpu = last.all.user - first.all.user + last.all.system - first.all.system
  latencies.sort((a, b) => a - b)
  return {
    tokens,
    chunks,
    seconds,
    tokensPerSecond: tokens / seconds,
    mainMicrosPerToken: (last.main - first.main) / 1000 / tokens,
    allMicrosPerToken: cpu / tokens,
    loopDelayP99: delay.percentile(99) / 1e6,
    loopDelayMax: delay.max / 1e6,
    latencyP50: latencies[Math.floor(latencies.length * 0.5)],
    latencyP99: latencies[Math.floor(latencies.length * 0.99)],
    peakRssMB: process.resourceUsage().maxRSS / 1024,
    loadMs: Number(loaded - began) / 1e6,
    firstChunkMs: Number(first.at - began) / 1e6,
  }
}
