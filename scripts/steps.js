'use strict'

const { spawnSync } = require('node:child_process')
const path = require('node:path')

const ROOT = path.resolve(__dirname, '..')

/** A section of the output: what is being done, in one line. */
function announce(title) {
  console.log(`\n=== ${title}`)
}

/** Runs one command in the repository, its output streaming through; the whole run ends where one fails. */
function run(command, ...args) {
  const isNpm = command === 'npm' || command === 'npx'
  const { status, signal, error } = spawnSync(command, args, {
    cwd: ROOT,
    stdio: 'inherit',
    shell: isNpm && process.platform === 'win32',
  })
  if (status === 0) return
  const why = error ? error.message : signal ? `ended by ${signal}` : `exit code ${status}`
  console.error(`\nFAILED: ${[command, ...args].join(' ')} (${why})`)
  process.exit(status || 1)
}

function isInstalled(command) {
  return spawnSync(command, ['--version'], { cwd: ROOT, stdio: 'ignore' }).status === 0
}

module.exports = { ROOT, announce, run, isInstalled }
