'use strict'

// What of other platforms can be checked in minutes; `.ci/run` ends with it. What cannot be had on this machine, or not
// in time, is skipped with the reason, and is no failure. What could be tried must be right.

const { mustEndBy } = require('./platforms/cache.js')
const { guardEndings } = require('./guard-endings.js')
const { prepare } = require('./build.js')
const { announce } = require('./steps.js')
const { failed, verify } = require('./verify-platforms.js')

/** The quick ones; `npm run verify:platforms` has them all. */
const QUICK = ['win32-x64-msvc', 'darwin-arm64', 'linux-x64-musl', 'win32-x64']
/** Fetching and building stops then, or after the number that is given. */
const MINUTES = Number(process.argv[2] ?? 10)

async function main() {
  prepare()
  mustEndBy(Date.now() + MINUTES * 60_000)
  const came = [['endings with a guard, as on macOS', guardEndings() ?? 'yes']]
  let wrong = false
  for (const name of QUICK) {
    const row = await verify(name)
    wrong ||= failed(row)
    came.push([name, inWords(row)])
  }
  announce('Other platforms')
  for (const [what, words] of came) console.log(`${what}: ${words}`)
  process.exitCode = wrong ? 1 : 0
}

function inWords(row) {
  if (row.skipped) return `SKIPPED: ${row.skipped}`
  const { checked, built, loaded, server, private: own, acp, run, ends } = row
  const all = Object.entries({ checked, built, loaded, server, private: own, acp, run, ends })
  const words = all.filter(([, value]) => value !== undefined)
  const said = words.map(([name, value]) => (value === true ? name : `${name}: ${value}`)).join(', ')
  return row.notRun ? `${said}; not run, SKIPPED: ${row.notRun}` : said
}

main()
