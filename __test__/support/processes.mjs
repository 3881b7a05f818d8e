// Who runs below a process, as /proc has it.
import { readdirSync, readFileSync } from 'node:fs'

/** All descendants of `pid`, the orphans of a subreaper among them included. */
export function processesBelow(pid) {
  const all = everyone()
  const below = []
  const parents = [pid]
  while (parents.length > 0) {
    const parent = parents.pop()
    for (const process of all.filter((process) => process.parent === parent)) {
      below.push(process)
      parents.push(process.pid)
    }
  }
  return below
}

/** Everybody whose environment carries `mark`: children that were orphaned keep it. */
export function processesMarked(mark) {
  return everyone().filter(({ pid }) => read(`/proc/${pid}/environ`).includes(mark))
}

function everyone() {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.flatMap((name) => {
    const stat = read(`/proc/${name}/stat`)
    if (stat === '') return []
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (state === 'Z') return []
    return [
      {
        pid: Number(name),
        parent: Number(parent),
        line: read(`/proc/${name}/cmdline`).replaceAll('\0', ' '),
      },
    ]
  })
}

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
