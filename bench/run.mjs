// `npm run bench [scenario…] [-- --rounds 3] [--out folder]`: measures, prints tables, writes JSON and plots.
// `-- --exact --rounds 1 --events 1000 --out folder` compares every text with what was sent instead.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { contenders } from './contenders/index.mjs'
import { machine } from './lib/machine.mjs'
import { realServer } from './lib/real-server.mjs'
import * as replay from './lib/replay-server.mjs'
import { writeReport } from './lib/report.mjs'
import { scenarios } from './scenarios.mjs'

const SAMPLE = path.join(import.meta.dirname, 'lib/sample.mjs')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    out: { type: 'string', default: 'docs/benchmarks' },
    // Records over all turns, to see in a moment that every row works.
    events: { type: 'string' },
    exact: { type: 'boolean', default: false },
  },
})
const unknown = positionals.filter((name) => !(name in scenarios))
if (unknown.length > 0) {
  console.error(
    `There is no scenario ${unknown.join(', ')}: take some of ${Object.keys(scenarios).join(', ')}.`,
  )
  process.exit(2)
}

installPeers()
replay.build()
const results = {}
for (const name of positionals.length > 0 ? positionals : Object.keys(scenarios)) {
  results[name] = await measure(scenarios[name])
  writeReport(values.out, { machine: machine(), results, isWhole: positionals.length === 0 })
}

/** Rounds of one sample each, everybody in turn: whatever else the machine does, it does to all. */
async function measure(scenario) {
  const { title, columns, rounds = 7 } = scenario
  console.log(`\n## ${title}\n`)
  const rows = rowsOf(scenario)
  const servers = await startServers(scenario)
  try {
    // The first turn of a new OpenCode waits for it to get ready, and says nothing of the client.
    for (const generation of scenario.job.real ? Object.keys(servers) : []) {
      await sampleOf(
        rows.find((row) => row.generation === Number(generation)),
        servers,
      )
    }
    for (let round = 0; round < Number(values.rounds ?? rounds); round++) {
      for (const row of rows) row.samples.push(await sampleOf(row, servers))
    }
  } finally {
    for (const server of Object.values(servers)) await server.stop()
  }
  const measured = rows.map(({ contender, generation, title, samples }) => ({
    contender,
    generation,
    title,
    ...spread(samples, columns),
  }))
  console.table(Object.fromEntries(measured.map(({ title, ...row }) => [title, medians(row, columns)])))
  return { title, columns, rows: measured }
}

function rowsOf({ contenders: first, second = [], variants = [{ name: '', job: {} }], job }) {
  const row = (contender, generation, variant) => {
    const release = generation === 2 ? 'OpenCode 2' : ''
    const title = [contenders[contender].title, release, variant.name].filter(Boolean).join(', ')
    return { contender, generation, title, job: { ...job, ...variant.job, ...quick(job) }, samples: [] }
  }
  return variants.flatMap((variant) => [
    ...first.map((contender) => row(contender, 1, variant)),
    ...second.map((contender) => row(contender, 2, variant)),
  ])
}

function quick(job) {
  const events = Number(values.events)
  return {
    exact: values.exact,
    ...(values.events && job.events > events ? { events } : {}),
    ...(values.events && job.soak ? { soak: 2 } : {}),
  }
}

async function startServers({ job, second = [] }) {
  const start = job.real ? realServer : replay.start
  const servers = { 1: await start(1) }
  if (second.length > 0) servers[2] = await start(2)
  return servers
}

function sampleOf({ contender, generation, job }, servers) {
  const server = servers[generation]
  server.ready?.()
  return sample({ ...job, contender, server: server.target })
}

async function sample(job) {
  const child = spawn(process.execPath, ['--expose-gc', SAMPLE, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 600_000,
  })
  let output = ''
  child.stdout.on('data', (bytes) => {
    output += bytes
  })
  const [code, signal] = await once(child, 'close')
  if (code !== 0)
    throw new Error(
      `${job.contender}, OpenCode ${job.server.generation}: a sample ended with ${signal ?? code}`,
    )
  const figures = JSON.parse(output)
  const { megabytes = [] } = figures
  return {
    ...figures,
    milliseconds: figures.seconds * 1000,
    charactersPerChunk: (figures.tokens * (job.tokenLength ?? 5)) / figures.chunks,
    rssAfterTen: megabytes[Math.floor(megabytes.length / 10)],
    rssAtEnd: megabytes.at(-1),
  }
}

/** Of each figure the median, the least and the most. */
function spread(samples, columns) {
  const figures = Object.keys(columns).map((name) => {
    const values = samples.map((sample) => sample[name]).sort((a, b) => a - b)
    return [name, { median: values[values.length >> 1], least: values[0], most: values.at(-1) }]
  })
  return { rounds: samples.length, figures: Object.fromEntries(figures) }
}

function medians({ figures }, columns) {
  return Object.fromEntries(
    Object.entries(columns).map(([name, title]) => [title, round(figures[name].median)]),
  )
}

function round(value) {
  return value === undefined ? undefined : Number(value.toPrecision(4))
}

/** The peers are the benchmark's alone: nobody who builds or tests has to have them. */
function installPeers() {
  const cwd = import.meta.dirname
  if (fs.existsSync(path.join(cwd, 'node_modules/.package-lock.json'))) return
  const shell = process.platform === 'win32'
  const { status } = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund'], {
    cwd,
    shell,
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error('the peers cannot be installed')
}
