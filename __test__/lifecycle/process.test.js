// What a Node process that uses us does at its end: it lives while a turn runs, and not longer.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import testing from '../../testing/index.js'
import { realOpenCode, until } from '../support/real-opencode.mjs'

const { lockstep, text } = testing
const index = fileURLToPath(new URL('../../index.js', import.meta.url))

describe.each(['1.18.33', '2.0.15'])('a process, with OpenCode %s', (version) => {
  const real = realOpenCode({ version })

  /** Runs a script that has our exports and `options`; resolves with its exit code and what it printed. */
  async function run(script, { worker = false, esm = false } = {}) {
    const head = esm
      ? `import { generate, generateStream, OpenCode } from ${JSON.stringify(index)}`
      : `const { generate, generateStream, OpenCode } = require(${JSON.stringify(index)})`
    const options = `const options = ${JSON.stringify(real.options())};`
    const body = `${head}\n${options}\n${script}`
    const words = esm ? ['--input-type=module', '-e', body] : ['-e', worker ? inWorker(body) : body]
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    let printed = ''
    for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (bytes) => (printed += bytes))
    const [code, signal] = await once(child, 'close')
    return { code, signal, printed }
  }

  const inWorker = (body) => `
    const { Worker } = require('node:worker_threads')
    const worker = new Worker(${JSON.stringify(body)}, { eval: true })
    worker.on('message', () => worker.terminate())
    worker.on('exit', (code) => console.log('worker ended', code))
  `

  it('lives until its turn has ended, and exits by itself', async () => {
    real.model.reply(text('the answer'))
    const script = `generate('hi', options).then(({ text }) => process.stdout.write(text))`
    expect(await run(script)).toEqual({ code: 0, signal: null, printed: 'the answer' })
  })

  it('streams by `import` as by `require`', async () => {
    real.model.reply(text(['the ', 'answer']))
    const script = `for await (const chunk of generateStream('hi', options)) process.stdout.write(chunk)`
    expect(await run(script, { esm: true })).toEqual({ code: 0, signal: null, printed: 'the answer' })
  })

  it('a stream that nobody pulls starts nothing and holds nothing', async () => {
    const before = real.model.requests.length
    const script = `const stream = generateStream('hi', options); console.log(typeof stream.result)`
    expect((await run(script)).code).toBe(0)
    expect(real.model.requests.length).toBe(before)
  })

  it('a rejected result that nobody reads is no unhandled rejection', async () => {
    real.model.reply(testing.fail(401))
    const script = `(async () => { try { for await (const _ of generateStream('hi', options)); } catch (error) { console.log(error.code) } })()`
    expect(await run(script)).toEqual({ code: 0, signal: null, printed: 'ERR_OPENCODE_PROVIDER\n' })
  })

  it('a worker thread that is terminated in mid-turn leaves the turn, and the process goes on', async () => {
    const gate = lockstep()
    real.model.reply(text(['one ', 'two '], { gate }))
    const script = `
      const { parentPort } = require('node:worker_threads')
      ;(async () => { for await (const chunk of generateStream('hi', options)) parentPort.postMessage(chunk) })()
    `
    const { code, signal, printed } = await run(script, { worker: true })
    expect({ code, signal }).toEqual({ code: 0, signal: null })
    expect(printed).toContain('worker ended')
    await until(() => real.model.requests.at(-1).aborted)
  })

  it('a worker thread that ends by itself unloads nothing that is still needed', async () => {
    real.model.when('from a worker', text('worked'))
    const script = `
      const { Worker } = require('node:worker_threads')
      const body = ${JSON.stringify(`const { generate } = require(${JSON.stringify(index)})`)} +
        '\\nconst options = ' + JSON.stringify(options) +
        '\\ngenerate("from a worker", options).then(({ text }) => console.log(text))'
      let left = 5
      const next = () => left-- && new Worker(body, { eval: true }).on('exit', next)
      next()
    `
    const head = `const options = ${JSON.stringify(real.options())}\n`
    const child = spawn(process.execPath, ['-e', head + script], { stdio: ['ignore', 'pipe', 'pipe'] })
    let printed = ''
    for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (bytes) => (printed += bytes))
    const [code, signal] = await once(child, 'close')
    expect({ code, signal, printed }).toEqual({ code: 0, signal: null, printed: 'worked\n'.repeat(5) })
  })
})
