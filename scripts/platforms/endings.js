'use strict'

// What is left of OpenCode and of its tool when Node has ended.

const { readdirSync, readFileSync } = require('node:fs')
const { setTimeout: sleep } = require('node:timers/promises')

const OPENCODE = /opencode\S* serve/
/** The tools of roots.js. */
const TOOL = /sleep 1000|setInterval/
const SUPERVISOR = /opencode-stream-supervisor/

/** Ends Node as `how` says once a tool runs. Returns `true` if OpenCode, its tool and a child of it are gone. */
async function ended(run, how) {
  const running = (what) => marked(run.mark).filter(({ line }) => what.test(line))
  const isOpen = () => running(OPENCODE).some(({ line }) => !SUPERVISOR.test(line))
  const said = await run.told(({ tool, done }) => tool === 'running' || done)
  if (!said.some(({ tool }) => tool === 'running'))
    return `no tool ran: ${said.at(-1)?.error ?? 'no word of it'}`
  // OpenCode says so a moment before it is true.
  await until(() => isOpen() && running(TOOL).length > 0)
  if (!isOpen()) return 'OpenCode was not to be seen'
  const tools = running(TOOL).length
  if (how === 'kill') killNode(run.mark)
  else run.go()
  const left = () => [...running(OPENCODE), ...running(TOOL)].map(({ line }) => line.slice(0, 60))
  await until(() => left().length === 0)
  if (left().length > 0) return `left: ${left().join(', ')}`
  if (how === 'close' && !(await run.told(({ done }) => done)).some(({ closed }) => closed))
    return 'close() did not come back'
  if (tools > 0) return true
  const words = (await run.told(({ tool }) => tool === 'completed')).find(({ said }) => said)?.said
  return `OpenCode itself; its tool did not stay: ${words ?? 'no word of it'}`
}

function killNode(mark) {
  for (const { pid, line } of marked(mark)) if (line.includes('turns.cjs')) process.kill(pid, 'SIGKILL')
}

async function until(isTrue) {
  for (let tries = 0; tries < 1200 && !isTrue(); tries++) await sleep(100)
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
