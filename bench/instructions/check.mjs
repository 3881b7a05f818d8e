// `node bench/instructions/check.mjs [--record]`: counts what the pure core executes for one capture.
// Wall clocks lie in CI; instructions do not. They differ by compiler, so its release is on record too.

import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const HERE = import.meta.dirname
const RECORD = path.join(HERE, 'expected.json')
/** How much more, or less, is a change that somebody should look at. */
const TOLERANCE = 0.1

const rustc = execFileSync('rustc', ['--version'], { encoding: 'utf8' }).split(' ')[1]
if (spawnSync('valgrind', ['--version']).status !== 0) {
  console.log('SKIPPED: valgrind is not installed here, so no instructions were counted.')
  process.exit(0)
}
const counted = count()
if (process.argv.includes('--record')) {
  fs.writeFileSync(RECORD, `${JSON.stringify({ rustc, arch: os.arch(), instructions: counted }, null, 2)}\n`)
  console.log(`Recorded: ${counted} instructions with rustc ${rustc}.`)
  process.exit(0)
}
const expected = JSON.parse(fs.readFileSync(RECORD, 'utf8'))
if (expected.rustc !== rustc || expected.arch !== os.arch()) {
  console.log(
    `SKIPPED: ${counted} instructions with rustc ${rustc} on ${os.arch()}; the record is of ${expected.rustc} on ${expected.arch}.`,
  )
  process.exit(0)
}
const change = counted / expected.instructions - 1
const words = `${counted} instructions, ${(change * 100).toFixed(1)} % from the recorded ${expected.instructions}`
if (Math.abs(change) > TOLERANCE) {
  console.error(`FAILED: ${words}.`)
  console.error('Find out why; if it is meant, record it: node bench/instructions/check.mjs --record')
  process.exit(1)
}
console.log(`${words}.`)

function count() {
  execFileSync('cargo', ['build', '--release', '--locked', '--quiet'], { cwd: HERE, stdio: 'inherit' })
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'instructions-'))
  try {
    const options = ['--tool=callgrind', '--toggle-collect=replay', `--callgrind-out-file=${folder}/out`]
    const program = path.join(HERE, 'target/release/instructions')
    // The C library chooses its memcpy by the processor: it has to be the same everywhere.
    const env = { ...process.env, GLIBC_TUNABLES: 'glibc.cpu.hwcaps=-AVX2,-AVX512F,-ERMS' }
    const { stderr } = spawnSync('valgrind', [...options, program], { encoding: 'utf8', env })
    const collected = /Collected : (\d+)/.exec(stderr)
    if (collected === null) throw new Error(`valgrind did not count:\n${stderr}`)
    return Number(collected[1])
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}
