'use strict'

// What a test process must not leave behind, however it ends. When it exits it clears up itself. Where it cannot
// (SIGKILL, Ctrl-C, a worker thread that is terminated), a guard does: a process beside it that holds the same list
// and sees its end by the loss of the pipe between them.

const { spawn } = require('node:child_process')
const { rmSync } = require('node:fs')
const { join } = require('node:path')
const { atExit } = require('./at-exit.js')
const { killRemainingNow } = require('./process-tree.js')

let guard
let count = 0

/**
 * Puts down what to end and to remove: `mark` is in the environment of processes, `folders` are on disk. Call the
 * result once that is done.
 */
function leftover({ mark, folders = [] }) {
  const entry = { id: ++count, mark, folders }
  tellGuard(entry)
  const forget = atExit(() => clear(entry))
  return () => {
    forget()
    tellGuard({ id: entry.id, cleared: true })
  }
}

/** Processes first: they might write into the folders. */
function clear({ mark, folders }) {
  if (mark) killRemainingNow(mark)
  for (const folder of folders) removeFolder(folder)
}

function removeFolder(folder) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
}

function tellGuard(message) {
  // Elsewhere it could not find the processes, and would take the folders from under them.
  if (process.platform !== 'linux') return
  guard ??= startGuard()
  guard.write(`${JSON.stringify(message)}\n`)
}

function startGuard() {
  // Detached, for a terminal's Ctrl-C goes to the whole foreground group. With hardly an environment, for NODE_OPTIONS
  // and the like are about the tests.
  const child = spawn(process.execPath, [join(__dirname, 'guard.js')], {
    cwd: __dirname,
    detached: true,
    env: { PATH: process.env.PATH },
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // Without a guard all is as well as before, as long as this process ends in its own time.
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  child.unref()
  child.stdin.unref()
  return child.stdin
}

module.exports = { leftover, clear, removeFolder }
