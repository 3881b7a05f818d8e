// `node bench/instructions/check.mjs [--record]`: counts what the pure core executes for a capture
// of each generation.
// Wall clocks lie in CI; instructions do not. They differ by compiler, so its release is on record too.

import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const HERE = import.meta.dirname
const RECORD = path.join(HERE, 'expected.json')
/** How much more, or less, is a change that somebody should look at. */
const TOLERANCE = 0.1
/** The release of each capture, and what the program calls it. */
const CAPTURES = [
  ['1.18.33', '1'],
  ['2.0.15', '2'],
]

const rustc = execFileSync('rustc', ['--version'], { encoding: 'utf8' }).split(' ')[1]
if (spawnSync('valgrind', ['--version']).status !== 0) {
  console.log('SKIPPED: valgrind is not installed here, so no instructions were counted.')
  process.exit(0)
}
build()
const counted = Object.fromEntries(CAPTURES.map(([release, argument]) => [release, count(argument)]))
if (process.argv.includes('--record')) {
  const record = { rustc, arch: os.arch(), instructions: counted }
  fs.writeFileSync(RECORD, `${JSON.stringify(record, null, 2)}\n`)
  console.log(`Recorded with rustc ${rustc}: ${JSON.stringify(counted)}.`)
  process.exit(0)
}
const expected = JSON.parse(fs.readFileSync(RECORD, 'utf8'))
if (expected.rustc !== rustc || expected.arch !== os.arch()) {
  const now = `${JSON.stringify(counted)} instructions with rustc ${rustc} on ${os.arch()}`
  console.log(`SKIPPED: ${now}; the record is of ${expected.rustc} on ${expected.arch}.`)
  process.exit(0)
}
const failed = CAPTURES.filter(([release]) => !compare(release))
if (failed.length > 0) {
  console.error('Find out why; if it is meant, record it: node bench/instructions/check.mjs --record')
  process.exit(1)
}

/** Returns `false` if a capture takes clearly more or fewer instructions than on record. */
function compare(release) {
  const now = counted[release]
  const recorded = expected.instructions[release]
  if (recorded === undefined) {
    console.error(`FAILED: OpenCode ${release}: ${now} instructions, and none on record.`)
    return false
  }
  const change = now / recorded - 1
  const words = `OpenCode ${release}: ${now} instructions, ${(change * 100).toFixed(1)} % from the recorded ${recorded}`
  const isAsRecorded = Math.abs(change) <= TOLERANCE
  if (isAsRecorded) console.log(`${words}.`)
  else console.error(`FAILED: ${words}.`)
  return isAsRecorded
}

function build() {
  execFileSync('cargo', ['build', '--release', '--locked', '--quiet'], { cwd: HERE, stdio: 'inherit' })
}

function count(argument) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'instructions-'))
  try {
    const options = ['--tool=callgrind', '--toggle-collect=replay', `--callgrind-out-file=${folder}/out`]
    const program = path.join(HERE, 'target/release/instructions')
    // The C library chooses its memcpy by the processor: it has to be the same everywhere.
    const env = { ...process.env, GLIBC_TUNABLES: 'glibc.cpu.hwcaps=-AVX2,-AVX512F,-ERMS' }
    const { stderr } = spawnSync('valgrind', [...options, program, argument], { encoding: 'utf8', env })
    const collected = /Collected : (\d+)/.exec(stderr)
    if (collected === null) throw new Error(`valgrind did not count:\n${stderr}`)
    return Number(collected[1])
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}
