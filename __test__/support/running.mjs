import { existsSync, readFileSync } from 'node:fs'

/** Whether a process runs; a dead one that nobody has taken notice of does not. */
export function isRunning(pid) {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  const stat = `/proc/${pid}/stat`
  return !existsSync(stat) || !readFileSync(stat, 'utf8').includes(') Z ')
}
