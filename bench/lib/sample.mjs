// One sample, in a process of its own: `node sample.mjs '{"contender": …}'` prints what it measured.

import fs from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { contenders } from '../contenders/index.mjs'
import { expectAnswers } from './answers.mjs'
import { began as answersBegan, plan, prompted } from './replay-server.mjs'

/** As long as what the server sends for it to be ours. */
const PROMPT = 'bench'

const job = JSON.parse(process.argv[2])
const began = process.hrtime.bigint()
const run = await contenders[job.contender].load()
const loaded = process.hrtime.bigint()

const modes = { answer, idle, soak }
process.stdout.write(JSON.stringify(await modes[job.mode ?? 'answer']()))
process.exit(0)

async function answer() {
  if (job.warmUp) {
    const { chunking } = job
    await measure({ turns: Math.min(job.turns, 10), events: job.warmUp, chunking, exact: true })
  }
  return measure(job)
}

/** What a turn that waits for its first token costs, in memory. */
async function idle() {
  await measure({ turns: 1, events: 100 })
  await plan(job.server.url, { turns: job.turns + 1, events: 100 })
  const before = settledRss()
  run({ server: job.server, turns: job.turns, text: PROMPT, onText: () => {} })
  while ((await prompted(job.server.url)) < job.turns) await sleep(20)
  await sleep(500)
  return { kilobytesPerTurn: (settledRss() - before) / 1024 / job.turns }
}

/** Turn after turn: what is left of each? */
async function soak() {
  const megabytes = []
  let tokens = 0
  for (let turn = 0; turn < job.soak; turn++) {
    tokens += (await measure(job)).tokens
    megabytes.push(Math.round(settledRss() / 1024 / 102.4) / 10)
  }
  return { tokens, events: job.soak * job.events, megabytes }
}

function settledRss() {
  global.gc?.()
  return process.memoryUsage.rss()
}

/** Runs the turns of one plan; the clock runs from the first byte the server sends to the last token. */
async function measure({ turns, events, chunking, pace, tools, long, monitor, exact = job.exact }) {
  const { server } = job
  if (!job.real) await plan(server.url, { turns, events, chunking, pace, tools, long })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const latencies = []
  let first = null
  let chunks = 0
  let characters = 0
  // Kept only where it may cost: in a warm-up, and on demand.
  const texts = exact ? Array.from({ length: turns }, () => []) : null
  const begins = process.hrtime.bigint()
  await run({
    server,
    turns,
    text: PROMPT,
    onText: (text, turn) => {
      texts?.[turn].push(text)
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
  const last = reading()
  delay.disable()
  await expectAnswers({ job, pace, events, characters, stamps: latencies.length, texts })
  const sent = job.real ? first.at : await answersBegan(server.url)
  return summary({ sent, first, last, chunks, characters, latencies, delay, pace, begins })
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

function summary({ sent, first, last, chunks, characters, latencies, delay, pace, begins }) {
  const tokens = pace ? latencies.length : characters / (job.tokenLength ?? 5)
  const seconds = Number(last.at - sent) / 1e9
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
    // Without the request that tells the replay server what to send.
    firstChunkMs: Number(loaded - began + first.at - begins) / 1e6,
    promptToFirstMs: Number(first.at - begins) / 1e6,
  }
}
