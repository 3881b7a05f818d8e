'use strict'

// What is fetched and built for other platforms, in the user's cache folder: a fresh clone finds it there.

const { existsSync, mkdirSync, renameSync, rmSync } = require('node:fs')
const { homedir } = require('node:os')
const { join } = require('node:path')
const { spawnSync } = require('node:child_process')

const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'opencode-stream', 'platforms')

/** A part that cannot be had here: reported as skipped, with the reason, and never as passed. */
class Skip extends Error {}

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
    throw error
  }
  return folder
}

/** Runs one command, quietly; its output where it fails. A `Skip` if the command only fetches or prepares something. */
function prepare(command, args, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', ...options })
  if (status === 0) return stdout
  const why = error ? error.message : `exit code ${status}`
  const last = `${stdout ?? ''}\n${stderr ?? ''}`.trim().split('\n').slice(-3).join(' / ')
  throw new Skip(`${[command, ...args].join(' ').slice(0, 120)}: ${why} ${last}`)
}

module.exports = { CACHE, Skip, made, prepare }
