'use strict'

// What is left of OpenCode and of its tool when Node has ended.

const { readdirSync, readFileSync } = require('node:fs')
const { setTimeout: sleep } = require('node:timers/promises')

/** OpenCode itself, and the tools of `tool` in roots.js. */
const OPENCODE = /opencode\S* serve/
const TOOL = /sleep 1000|setInterval/

/** Ends Node as `how` says once a tool runs. Returns `true` if OpenCode, its tool and a child of it are gone. */
async function ended(run, how) {
  const said = await run.told(({ toolRuns, done }) => toolRuns || done)
  if (!said.some(({ toolRuns }) => toolRuns)) return `no tool ran: ${said.at(-1)?.error ?? 'no word of it'}`
  const running = (what) => marked(run.mark).filter(({ line }) => what.test(line))
  // OpenCode says so a moment before it is true.
  await until(() => running(OPENCODE).length > 0 && running(TOOL).length > 0)
  if (running(OPENCODE).length === 0) return 'OpenCode was not to be seen'
  const tools = running(TOOL).length
  if (how === 'kill') {
    for (const { pid, line } of marked(run.mark)) if (line.includes('turns.cjs')) process.kill(pid, 'SIGKILL')
  } else run.go()
  const left = () => [...running(OPENCODE), ...running(TOOL)]
  await until(() => left().length === 0)
  if (left().length > 0)
    return `left: ${left()
      .map(({ line }) => line.slice(0, 60))
      .join(', ')}`
  if (how === 'close' && !(await run.told(({ done }) => done)).some(({ closed }) => closed))
    return 'close() did not come back'
  return tools > 0 ? true : 'OpenCode itself; no tool was to be seen'
}

async function until(isTrue) {
  for (let tries = 0; tries < 300 && !isTrue(); tries++) await sleep(100)
}

/** Processes with `mark` in their environment. */
function marked(mark) {
  const read = (file) => {
    try {
      return readFileSync(file, 'utf8').replaceAll('\0', ' ')
    } catch {
      return ''
    }
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/environ`).includes(mark))
    .map((name) => ({ pid: Number(name), line: read(`/proc/${name}/cmdline`) }))
}

function killMarked(mark) {
  for (const { pid } of marked(mark)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Gone in the meantime.
    }
  }
}

module.exports = { ended, killMarked }
