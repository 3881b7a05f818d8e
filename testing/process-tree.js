'use strict'

// OpenCode starts each of its tools in a session of its own: no signal to OpenCode or to its process group reaches
// them, and they outlive it. They are found by what they cannot help having: a parent, and the environment they
// were started with. Both are read from /proc, so all of this finds nothing where the system is not Linux.

const { randomUUID } = require('node:crypto')
const { readFileSync, readdirSync } = require('node:fs')
const { setTimeout: sleep } = require('node:timers/promises')

const MARK = 'OPENCODE_STREAM_TESTING'
/** A process that hangs in the kernel is not waited for. */
const PATIENCE = 5_000

/** A variable for the environment of what will have to be found again. */
function newMark() {
  return { [MARK]: randomUUID() }
}

/** All that run now: pid → { parent, since }. The dead that nobody has taken notice of are left out. */
function processes() {
  const all = new Map()
  for (const pid of pidsOf('/proc')) {
    const stat = read(`/proc/${pid}/stat`).toString('latin1')
    // The name may hold anything, parentheses and spaces too: what counts begins after the last one.
    const [state, parent, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (state && state !== 'Z' && state !== 'X') all.set(pid, { parent: Number(parent), since: rest[17] })
  }
  return all
}

/** Whatever descends from one of `roots` in a picture of all processes, the roots included. */
function withDescendants(roots, all) {
  const found = new Set(roots)
  // A set that grows under its own iteration is walked to its last member.
  for (const each of found) for (const [pid, { parent }] of all) if (parent === each) found.add(pid)
  return found
}

/** The tree below and with `root`, to be found again when its parents are gone: pid → when it began. */
function treeOf(root) {
  const all = processes()
  const pids = all.has(root) ? withDescendants([root], all) : []
  return new Map([...pids].map((pid) => [pid, all.get(pid).since]))
}

/**
 * Who is left of a `tree` from earlier, who carries the mark, and who descends from those. They join the tree: a
 * process that is killed loses its environment, and with it the mark, some time before it is gone.
 */
function remaining(mark, tree) {
  const all = processes()
  const known = (pid) => tree.has(pid) && tree.get(pid) === all.get(pid).since
  const roots = [...all.keys()].filter((pid) => pid !== process.pid && (known(pid) || isMarked(pid, mark)))
  const pids = withDescendants(roots, all)
  for (const pid of pids) tree.set(pid, all.get(pid).since)
  return pids
}

function isMarked(pid, mark) {
  return read(`/proc/${pid}/environ`).includes(`${MARK}=${mark[MARK]}\0`)
}

/** Kills all that remains, once; true when nothing did. */
function killOnce(mark, tree) {
  const pids = remaining(mark, tree)
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Gone in the meantime.
    }
  }
  return pids.size === 0
}

/** Kills all that remains; again, because what is killed may have started more meanwhile. */
async function killRemaining(mark, tree = new Map()) {
  const until = Date.now() + PATIENCE
  while (!killOnce(mark, tree) && Date.now() < until) await sleep(5)
}

/** The same where nothing can be waited for, as the process exits. */
function killRemainingNow(mark, tree = new Map()) {
  const until = Date.now() + PATIENCE
  while (!killOnce(mark, tree) && Date.now() < until);
}

function pidsOf(folder) {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
  } catch {
    return []
  }
}

/** Empty where there is nothing to read, or nothing any more, or not for us. */
function read(path) {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}

module.exports = { newMark, treeOf, killRemaining, killRemainingNow }
