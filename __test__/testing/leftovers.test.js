// Nothing outlives its test, however that one ends: neither OpenCode, nor a tool it runs, nor a folder.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { generate } from '../../index.js'
import { openCode, toolCall } from '../../testing/index.js'
import { isRunning } from '../support/running.mjs'

const OLD = '1.1.31'
const [kit, index] = ['testing/index.js', 'index.js'].map((path) =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url)),
)

const sleeping = (how = '') =>
  toolCall('bash', { command: `echo $$ > pid; exec ${how} sleep 1000`, description: 'sleep' })

/** Ends with an error once OpenCode is gone. */
const sleepingTurn = ({ options }) =>
  generate('Sleep.', { ...options, timeouts: { reconnect: 100 } }).catch((error) => error)

async function sleeper(directory) {
  const file = join(directory, 'pid')
  await expect.poll(() => existsSync(file) && readFileSync(file, 'utf8'), { timeout: 20_000 }).toMatch(/\n/)
  return Number(readFileSync(file, 'utf8'))
}

const seen = []
afterEach(() => {
  for (const pid of seen.splice(0).filter(isRunning)) process.kill(pid, 'SIGKILL')
})

/** A process that has a sleeping tool; `script` is its own, after that. Resolves with what must be gone. */
async function testProcess(script) {
  const program = `
    const { openCode, toolCall } = require(${JSON.stringify(kit)})
    const { generate } = require(${JSON.stringify(index)})
    const { existsSync, readFileSync } = require('node:fs')
    async function busy() {
      const { model, options, server } = await openCode({ version: '${OLD}' })
      const file = options.directory + '/pid'
      model.reply(toolCall('bash', { command: 'sleep 1000 & echo $! > pid; wait', description: 'sleep' }))
      generate('Sleep.', options).catch(() => {})
      while (!existsSync(file) || !readFileSync(file, 'utf8')) await new Promise((done) => setTimeout(done, 20))
      const pids = [server.pid, Number(readFileSync(file, 'utf8'))]
      return JSON.stringify({ pids, folders: [options.directory, server.env.HOME] })
    }
    ${script}`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] })
  seen.push(child.pid)
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  const { pids, folders } = JSON.parse(line)
  seen.push(...pids)
  const left = () => [...pids.filter(isRunning), ...folders.filter(existsSync)]
  return { child, left }
}

const allGone = (left) => expect.poll(left, { timeout: 10_000 }).toEqual([])

// Elsewhere neither the tools of OpenCode are found nor the end of a killed process is seen.
describe.runIf(process.platform === 'linux')('what OpenCode started', () => {
  it.each([
    ['1.18.33', ''],
    [OLD, ''],
    // Without an environment it has only its parent to be found by.
    [OLD, 'env -i'],
  ])('and left running ends with stop(): OpenCode %s, %s', async (version, how) => {
    const opencode = await openCode({ version })
    onTestFinished(() => opencode.close())
    opencode.model.reply(sleeping(how))
    const turn = sleepingTurn(opencode)
    const pid = await sleeper(opencode.directory)
    seen.push(pid)
    expect(isRunning(pid)).toBe(true)
    await opencode.server.stop()
    expect(isRunning(pid)).toBe(false)
    await turn
  })

  it('ends with stop() when OpenCode itself was killed before', async () => {
    const opencode = await openCode({ version: OLD })
    onTestFinished(() => opencode.close())
    opencode.model.reply(sleeping())
    const turn = sleepingTurn(opencode)
    const pid = await sleeper(opencode.directory)
    seen.push(pid)
    opencode.server.kill('SIGKILL')
    await once(opencode.server.child, 'exit')
    expect(isRunning(pid)).toBe(true)
    await opencode.server.stop()
    expect(isRunning(pid)).toBe(false)
    await turn
  })

  it.each([
    ['throws', 'busy().then((all) => { console.log(all); throw new Error("forgot to stop it") })'],
    ['exits', 'busy().then((all) => { console.log(all); process.exit(0) })'],
  ])('ends with a process that %s', async (_how, script) => {
    const { child, left } = await testProcess(script)
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    // What was killed may take the system its time on a busy machine.
    await allGone(left)
  })

  it.each(['SIGKILL', 'SIGINT', 'SIGTERM'])('ends with a process that is ended by %s', async (signal) => {
    const { child, left } = await testProcess('busy().then(console.log)')
    expect(left()).toHaveLength(4)
    child.kill(signal)
    await allGone(left)
  })

  it('ends with a worker thread that is terminated, in a process that goes on', async () => {
    const { child, left } = await testProcess(`
      const { isMainThread, parentPort, Worker } = require('node:worker_threads')
      if (isMainThread) {
        const worker = new Worker(process.execArgv.at(-1) ?? process._eval, { eval: true })
        worker.once('message', (all) => worker.terminate().then(() => console.log(all)))
        setInterval(() => {}, 1000)
      } else busy().then((all) => parentPort.postMessage(all))`)
    await allGone(left)
    expect(child.exitCode).toBe(null)
    child.kill('SIGKILL')
  })
})
