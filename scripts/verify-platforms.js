'use strict'

// `npm run verify:platforms -- linux-x64-musl win32-x64`: builds the addon for other platforms, runs what can be run
// here, and writes what came of it into docs/platforms.md. Without arguments: all of them. What cannot be had here is
// skipped, with the reason.

const { join } = require('node:path')
const { Skip } = require('./platforms/cache.js')
const { mustStart } = require('./platforms/enter.js')
const { build, check } = require('./platforms/rust.js')
const { ROUTES, streamed } = require('./platforms/streamed.js')
const { ROOT, announce } = require('./steps.js')
const { CHECKED, LINKED, RUN } = require('./platforms/targets.js')
const { rewrite, table } = require('./platforms/table.js')

const PAGE = join(ROOT, 'docs', 'platforms.md')
/** The cheap ones first. */
const PLATFORMS = [...Object.keys(CHECKED), ...Object.keys(RUN), ...Object.keys(LINKED)]

async function main(names) {
  const wrong = names.find((name) => !PLATFORMS.includes(name))
  if (wrong) {
    console.error(`FAILED: '${wrong}' is none of ${PLATFORMS.join(', ')}`)
    process.exit(2)
  }
  const rows = new Map()
  for (const name of names.length > 0 ? names : PLATFORMS) {
    rows.set(name, await verify(name))
    // The page's rows of other platforms stay as they are.
    rewrite(PAGE, 'platforms', (before) => table(before, rows))
  }
  process.exitCode = [...rows.values()].some(failed) ? 1 : 0
}

/** A row of the table: what is `true` was seen, anything else is what went wrong. */
async function verify(name) {
  announce(name)
  const row = { ...(await tried(name)), date: new Date().toISOString().slice(0, 10) }
  console.log(JSON.stringify(row))
  return row
}

async function tried(name) {
  try {
    if (name in CHECKED) return checked(CHECKED[name])
    if (name in LINKED) return built(LINKED[name]).row
    return await ran(RUN[name])
  } catch (error) {
    // A full disk, a folder that may not be written: this machine's, and not the platform's.
    if (!(error instanceof Skip || error.syscall)) throw error
    return { skipped: error.message }
  }
}

function checked(target) {
  return { target, checked: check(target) === 0 ? true : 'does not compile' }
}

function built({ target, env }) {
  const file = build(target, env())
  return { file, row: { target, built: file ? true : 'does not build' } }
}

async function ran(platform) {
  const { file, row } = built(platform)
  if (!file) return row
  let place
  try {
    place = platform.makeRoot()
    mustStart(place)
  } catch (error) {
    if (!(error instanceof Skip)) throw error
    return { ...row, notRun: error.message }
  }
  const { said, ...came } = await streamed(place, { file, name: platform.addon })
  for (const line of said) console.log(JSON.stringify(line))
  return { ...row, ...came, opencode: place.opencode, emulator: platform.emulator }
}

/** Something that could be tried, and did not come out as it should. */
const failed = ({ skipped, ...row }) =>
  !skipped &&
  ['checked', 'built', 'loaded', 'ends', ...ROUTES].some((what) => what in row && row[what] !== true)

module.exports = { verify, failed }

if (require.main === module) main(process.argv.slice(2))
