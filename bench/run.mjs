// `npm run bench [scenario…] [-- --rounds 3] [--out folder]`: measures, prints tables, writes JSON and plots.

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
  options: { rounds: { type: 'string' }, out: { type: 'string', default: 'docs/benchmarks' } },
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
async function measure({ title, job, columns, variants = [{ name: '', job: {} }], rounds = 7, ...scenario }) {
  console.log(`\n## ${title}\n`)
  const server = job.real ? await realServer() : await replay.start()
  const rows = []
  try {
    for (const variant of variants) {
      for (const contender of scenario.contenders) {
        const title = [contenders[contender].title, variant.name].filter(Boolean).join(', ')
        rows.push({ contender, title, job: { ...job, ...variant.job }, samples: [] })
      }
    }
    // The first turn of a new OpenCode waits for it to get ready, and says nothing of the client.
    if (job.real) await sampleOf(rows[0], server)
    for (let round = 0; round < Number(values.rounds ?? rounds); round++) {
      for (const row of rows) row.samples.push(await sampleOf(row, server))
    }
  } finally {
    await server.stop()
  }
  const measured = rows.map(({ contender, title, samples }) => ({
    contender,
    title,
    ...spread(samples, columns),
  }))
  console.table(Object.fromEntries(measured.map(({ title, ...row }) => [title, medians(row, columns)])))
  return { title, columns, rows: measured }
}

function sampleOf({ contender, job }, server) {
  server.ready?.()
  return sample({ ...job, contender, url: server.url, directory: server.directory })
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
  if (code !== 0) throw new Error(`${job.contender}: a sample ended with ${signal ?? code}`)
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
