// However a process ends, with an agent in the middle of a tool: nothing is left of what was started.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import testing from '../../testing/index.js'
import { differences } from '../contract/differences.mjs'
import { processesMarked } from '../support/processes.mjs'
import { until } from '../support/real-opencode.mjs'

const { opencodeBinary, scriptedModel, startOpenCode, text } = testing
const index = fileURLToPath(new URL('../../index.js', import.meta.url))
// Another build of the addon, such as the one of `scripts/guard-endings.js`. Not for vitest, which has addons too.
const { OPENCODE_STREAM_TEST_ADDON: addon } = process.env
const env = addon ? { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: addon } : process.env

const inWorker = (body, afterwards) => `
  const { Worker } = require('node:worker_threads')
  const worker = new Worker(${JSON.stringify(body)}, { eval: true, stdout: true })
  worker.stdout.on('data', (bytes) => { process.stdout.write(bytes); ${afterwards} })
  worker.on('error', () => {})
`

// [how, what the script does once the tool runs, what is done to the process from outside]
const ENDINGS = [
  ['`break`, then a natural end', 'break'],
  ['`abort()`, then a natural end', 'await stream.abort()'],
  ['`close()`', 'client.close().catch(() => {}); break'],
  ['an exception in the loop', 'throw new Error("mine")'],
  ['an uncaught exception elsewhere', 'setImmediate(() => { throw new Error("mine") })'],
  ['an unhandled rejection', 'Promise.reject(new Error("mine"))'],
  ['process.exit()', 'process.exit(3)'],
  ['process.abort()', 'process.abort()'],
  ['SIGTERM', '', (child) => child.kill('SIGTERM')],
  ['SIGINT', '', (child) => child.kill('SIGINT')],
  ['SIGHUP', '', (child) => child.kill('SIGHUP')],
  ['SIGKILL', '', (child) => child.kill('SIGKILL')],
  ['SIGKILL of OpenCode itself', '', (_child, openCode) => process.kill(openCode.pid, 'SIGKILL')],
]

describe.each(['1.18.33', '2.0.15'])('OpenCode %s', (version) => {
  let model
  let binary
  let directory
  beforeAll(async () => {
    model = await scriptedModel()
    binary = await opencodeBinary(version)
    directory = mkdtempSync(join(tmpdir(), 'endings-'))
    const { shell } = differences('private', version)
    // One that OpenCode would end itself, and one that left its process group and would be forgotten.
    model.when('wait', shell('setsid sleep 1000 & touch "ready-$MARK"; sleep 1000'))
    model.when('answer', text('the answer'))
    // The first start prepares a database, which many at once would do at once.
    await (await startOpenCode({ executable: binary, model })).stop()
  })
  afterAll(async () => {
    await model.close()
    rmSync(directory, { recursive: true, force: true })
  })

  /** Starts a turn whose tool sleeps; `atTool` is what the script does once the tool runs. */
  const program = (mark, atTool) => `
  const { existsSync } = require('node:fs')
  const { setTimeout } = require('node:timers/promises')
  const { OpenCode } = require(${JSON.stringify(index)})
  const options = ${JSON.stringify({
    mode: 'server',
    autostart: true,
    cliPath: binary,
    directory,
    env: { ...model.env, MARK: mark },
  })}
  const client = new OpenCode(options)
  ;(async () => {
    const stream = client.generateStream('wait')
    for await (const event of stream.events) {
      if (event.type !== 'tool' || event.status !== 'running') continue
      // OpenCode says so a moment before it is true.
      while (!existsSync(${JSON.stringify(join(directory, `ready-${mark}`))})) await setTimeout(20)
      console.log('tool runs')
      ${atTool}
    }
  })()
`

  /** OpenCode itself, and not what watches over it. */
  const openCodeOf = (mark) => processesMarked(mark).find(({ line }) => line.startsWith(`${binary} serve`))

  async function endOf(script, mark, fromOutside = () => {}) {
    const child = spawn(process.execPath, ['-e', script], { env, stdio: ['ignore', 'pipe', 'ignore'] })
    const closed = once(child, 'close')
    let printed = ''
    child.stdout.on('data', (bytes) => {
      printed += bytes
    })
    await until(() => printed.includes('tool runs') || child.exitCode !== null)
    expect(printed).toContain('tool runs')
    fromOutside(child, openCodeOf(mark))
    await closed
  }

  describe.runIf(process.platform === 'linux')('nothing is left after', () => {
    it.concurrent.each(ENDINGS)('%s', async (_, atTool, fromOutside) => {
      const mark = `mark-${randomUUID()}`
      await endOf(program(mark, atTool), mark, fromOutside)
      await until(() => processesMarked(mark).length === 0)
    })

    it.concurrent('a worker thread that is terminated, in a process that goes on', async () => {
      const mark = `mark-${randomUUID()}`
      const script = inWorker(program(mark, ''), 'worker.terminate(); setInterval(() => {}, 1000)')
      const child = spawn(process.execPath, ['-e', script], { env, stdio: ['ignore', 'pipe', 'inherit'] })
      try {
        await once(child.stdout, 'data')
        await until(() => processesMarked(mark).length === 0)
        expect(child.exitCode).toBe(null)
      } finally {
        child.kill('SIGKILL')
        await once(child, 'close')
      }
    })
  })

  describe('a process that is done', () => {
    it('exits by itself after its last turn, and its server with it', async () => {
      const mark = `mark-${randomUUID()}`
      const script = program(mark, '').replace(
        /;\(async[\s\S]*/,
        `client.generate('answer').then(({ text }) => console.log(text))`,
      )
      const child = spawn(process.execPath, ['-e', script], { env, stdio: ['ignore', 'pipe', 'inherit'] })
      const [[bytes], [code]] = await Promise.all([once(child.stdout, 'data'), once(child, 'close')])
      expect(String(bytes)).toBe('the answer\n')
      expect(code).toBe(0)
      await until(() => processesMarked(mark).length === 0)
    })
  })
})
