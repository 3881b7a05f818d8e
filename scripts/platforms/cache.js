'use strict'

// What is fetched and built for other platforms, in the user's cache folder: a fresh clone finds it there.

const { existsSync, mkdirSync, renameSync, rmSync } = require('node:fs')
const { homedir } = require('node:os')
const { join } = require('node:path')
const { spawnSync } = require('node:child_process')

const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'opencode-stream', 'platforms')

/** A part that cannot be had here: reported as skipped, with the reason, and never as passed. */
class Skip extends Error {}

/** When fetching and building must be over, in milliseconds since 1970. What is not over then is skipped. */
let deadline = Number.POSITIVE_INFINITY

function mustEndBy(time) {
  deadline = time
}

/** A folder of the cache, made once: `make(folder)` fills one beside it, so that a broken run leaves no half. */
function made(name, make) {
  const folder = join(CACHE, name)
  if (existsSync(folder)) return folder
  const fresh = `${folder}.${process.pid}`
  mkdirSync(fresh, { recursive: true })
  try {
    make(fresh)
    renameSync(fresh, folder)
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    // Another run may have been quicker.
    if (!existsSync(folder)) throw error
  }
  return folder
}

/** Runs one command, quietly; returns its output. A `Skip` if it fails: it only fetches or prepares something. */
function prepare(command, args, options = {}) {
  const { status, error, stdout, stderr } = bounded(command, args, { encoding: 'utf8', ...options })
  if (status === 0) return stdout
  const why = error ? error.message : `exit code ${status}`
  const last = `${stdout ?? ''}\n${stderr ?? ''}`.trim().split('\n').slice(-3).join(' / ')
  throw new Skip(`${[command, ...args].join(' ').slice(0, 120)}: ${why} ${last}`)
}

/** Runs one command until the deadline, and then ends it with all it started. */
function bounded(command, args, options) {
  if (deadline === Number.POSITIVE_INFINITY) return spawnSync(command, args, options)
  const seconds = Math.ceil((deadline - Date.now()) / 1000)
  if (seconds <= 0) throw new Skip('out of time')
  const result = spawnSync('timeout', ['--kill-after=5', seconds, command, ...args].map(String), options)
  if (result.status === 124 || result.status === 137) throw new Skip(`out of time: ${command} ${args[0]}`)
  return result
}

module.exports = { CACHE, Skip, made, prepare, bounded, mustEndBy }
