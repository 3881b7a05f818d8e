// What others do to a command line: they write into its pipes, set up its database, take its port, stand in its way.
// The command is a stand-in, since the real one does none of it when it is told to.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OpenCode } from '../../index.js'

let base
let count = 0
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'pipes-and-starts-'))
})
afterAll(() => rmSync(base, { recursive: true, force: true }))

function folder(name) {
  const path = join(base, `${++count}-${name}`)
  mkdirSync(path)
  return path
}

/** An executable that notes each of its starts in `starts`. */
function program(source) {
  const bin = folder('bin')
  const cliPath = join(bin, 'opencode')
  const starts = join(bin, 'starts')
  writeFileSync(
    cliPath,
    `#!${process.execPath}
const fs = require('node:fs')
const [command] = process.argv.slice(2)
if (process.argv.includes('--help')) { console.log('--format --session --title --model --agent'); process.exit(0) }
fs.appendFileSync(${JSON.stringify(starts)}, command + '\\n')
const begin = fs.readFileSync(${JSON.stringify(starts)}, 'utf8').split('\\n').length - 1
const bin = ${JSON.stringify(bin)}
${source}
`,
  )
  chmodSync(cliPath, 0o755)
  const started = () => (existsSync(starts) ? readFileSync(starts, 'utf8').trim().split('\n') : [])
  return { cliPath, started, env: { HOME: bin } }
}

/** \`opencode run\` that answers with \`words\`, and writes \`line\`s of its own as it likes. */
const RUN = `
const part = (type, fields) => JSON.stringify({ type, timestamp: 1, sessionID: 'ses_1', part: { id: 'prt_' + type, sessionID: 'ses_1', messageID: 'msg_1', ...fields } })
const time = { start: 1, end: 2 }
const answer = (words) => {
  console.log(part('step_start', { type: 'step-start' }))
  console.log(part('text', { type: 'text', text: words, time }))
  console.log(part('step_finish', { type: 'step-finish', reason: 'stop', cost: 0, tokens: { input: 1, output: 1, reasoning: 0, cache: { read: 0, write: 0 } } }))
}
let prompt = ''
const onPrompt = (then) => process.stdin.on('data', (data) => { prompt += data }).on('end', then)
`

/** \`opencode acp\` that speaks the protocol, and has no HTTP side. */
const ACP = `
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
const update = (update) => say({ method: 'session/update', params: { sessionId: 'ses_1', update } })
const chunk = (text) => update({ sessionUpdate: 'agent_message_chunk', messageId: 'msg_1', content: { type: 'text', text } })
const serve = (onPrompt) => {
  let input = ''
  process.stdin.on('end', () => process.exit(0)).on('data', (data) => {
    const lines = (input += data).split('\\n')
    input = lines.pop()
    for (const line of lines) {
      const { id, method } = JSON.parse(line)
      if (method === 'initialize') say({ id, result: { agentInfo: { version: '1.18.33' }, agentCapabilities: {} } })
      if (method === 'session/new') say({ id, result: { sessionId: 'ses_1' } })
      if (method === 'session/prompt') { onPrompt(id) }
    }
  })
}
`

function client({ cliPath, env }, cliProtocol, more) {
  return new OpenCode({
    mode: 'cli',
    cliProtocol,
    cliPath,
    directory: base,
    ...more,
    env: { ...env, ...more?.env },
  })
}

describe('a directory that cannot be worked in is refused before anything is started', () => {
  const routes = {
    acp: { mode: 'cli', cliProtocol: 'acp' },
    run: { mode: 'cli', cliProtocol: 'run' },
  }
  it.each(Object.keys(routes))('on the route %s', async (route) => {
    const opencode = program('process.exit(1)')
    const file = join(base, 'a-file')
    writeFileSync(file, '')
    const escaped = folder('a%20b')
    const codes = {
      [join(base, 'nowhere')]: 'INVALID_OPTION',
      [file]: 'INVALID_OPTION',
      [escaped]: 'UNSUPPORTED_OPTION',
    }
    for (const [directory, code] of Object.entries(codes)) {
      const oc = new OpenCode({ ...routes[route], cliPath: opencode.cliPath, env: opencode.env, directory })
      const error = await oc.generate('hi').catch((error) => error)
      expect(error).toMatchObject({ code: `ERR_OPENCODE_${code}`, accepted: false })
      expect(error.message).toContain(directory)
      await oc.close()
    }
    expect(opencode.started()).toEqual([])
  })
})

describe('acp', () => {
  it.each([
    '/usr/bin/env is broken',
    '\n \ufeff/init',
    [
      { type: 'text', text: '/a' },
      { type: 'text', text: 'b' },
    ],
  ])('is left out where OpenCode would take the prompt for a command: %j', async (prompt) => {
    const opencode = program('process.exit(1)')
    const error = await client(opencode, 'acp')
      .generate(prompt)
      .catch((error) => error)
    expect(error).toMatchObject({ code: 'ERR_OPENCODE_UNSUPPORTED_OPTION', accepted: false })
    expect(opencode.started()).toEqual([])
  })

  it('and `run` gets the words', async () => {
    const opencode = program(`${RUN} onPrompt(() => answer(prompt))`)
    const events = []
    for await (const event of client(opencode, 'auto').generateStream('/usr/bin/env').events)
      events.push(event)
    expect(events[0]).toMatchObject({
      type: 'fallback',
      from: 'acp',
      to: 'run',
      reason: expect.stringMatching(/command/),
    })
    expect(events.at(-1).result.text).toBe('/usr/bin/env')
  })

  it('a port that was taken meanwhile means another port', async () => {
    const opencode = program(`${ACP}
      if (begin === 1) { console.error('Error: Unexpected error\\n\\nServeError'); process.exit(1) }
      serve((id) => { chunk('ok'); say({ id, result: { stopReason: 'end_turn' } }) })`)
    expect((await client(opencode, 'acp').generate('hi')).text).toBe('ok')
    expect(opencode.started()).toEqual(['acp', 'acp'])
  })

  it('finds its messages among what others write to the pipe, and passes on what is nested deep', async () => {
    const opencode = program(`${ACP}
      process.stdout.write('loading... \\x1b]0;title\\x07')
      serve((id) => {
        process.stdout.write('\\x1b[31mnoise ')
        chunk('one ')
        let deep = 'x'
        for (let i = 0; i < 300; i++) deep = [deep]
        update({ sessionUpdate: 'tool_call', toolCallId: 'c', title: 'bash', status: 'pending', rawInput: { deep } })
        update({ sessionUpdate: 'tool_call_update', toolCallId: 'c', status: 'completed', rawOutput: { output: 'done' } })
        chunk('two')
        process.stdout.write('more noise')
        say({ id, result: { stopReason: 'end_turn' } })
      })`)
    const events = []
    for await (const event of client(opencode, 'acp').generateStream('hi').events) events.push(event)
    expect(events.at(-1).result).toMatchObject({ text: 'one \n\ntwo', finishReason: 'stop' })
    expect(events.filter(({ type }) => type === 'tool').at(-1)).toMatchObject({
      tool: 'bash',
      output: 'done',
    })
  })

  it('a message that others wrote into is an error that shows it', async () => {
    const opencode = program(`${ACP}
      serve((id) => {
        chunk('one ')
        process.stdout.write('{"jsonrpc":"2.0","id":' + id + ',"res\\x1b[31mNOISE ult":{}')
        process.stdout.write('\\n')
      })`)
    const error = await client(opencode, 'acp')
      .generate('hi')
      .catch((error) => error)
    expect(error).toMatchObject({ code: 'ERR_OPENCODE_PROTOCOL', accepted: true, data: { text: 'one ' } })
    expect(error.message).toContain('{"jsonrpc":"2.0"')
    expect(error.message).not.toContain('\x1b')
  })
})

describe('run', () => {
  it('the first uses of a data folder go one after another', async () => {
    const opencode = program(`${RUN}
      const lock = bin + '/lock'
      if (fs.existsSync(lock) && !fs.existsSync(bin + '/set-up')) { console.error('database is locked'); process.exit(1) }
      fs.writeFileSync(lock, '')
      onPrompt(() => setTimeout(() => { fs.writeFileSync(bin + '/set-up', ''); answer(prompt) }, begin === 1 ? 200 : 0))`)
    const oc = client(opencode, 'run')
    const results = await Promise.all([1, 2, 3].map((n) => oc.generate(`turn ${n}`)))
    expect(results.map(({ text }) => text)).toEqual(['turn 1', 'turn 2', 'turn 3'])
    expect(opencode.started()).toHaveLength(3)
  })

  it('a database that another program sets up is waited for, before the prompt is taken', async () => {
    const opencode = program(`${RUN}
      if (begin < 3) { console.error('Error: Unexpected error\\n\\nFailed query: \\n CREATE TABLE x'); process.exit(1) }
      onPrompt(() => answer(prompt))`)
    expect((await client(opencode, 'run').generate('hi')).text).toBe('hi')
    expect(opencode.started()).toHaveLength(3)
  })

  it('what never mends is tried a few times, and the error is its own', async () => {
    const opencode = program("console.error('database is locked'); process.exit(1)")
    const error = await client(opencode, 'run')
      .generate('hi')
      .catch((error) => error)
    expect(error).toMatchObject({
      code: 'ERR_OPENCODE_CLI_EXIT',
      stderr: expect.stringContaining('database is locked'),
    })
    expect(opencode.started().length).toBeLessThanOrEqual(8)
  })

  it('what fails once a record was printed is not tried again', async () => {
    const opencode = program(`${RUN}
      onPrompt(() => { console.log(part('step_start', { type: 'step-start' })); console.error('database is locked'); process.exitCode = 1 })`)
    const error = await client(opencode, 'run')
      .generate('hi')
      .catch((error) => error)
    expect(error).toMatchObject({ code: 'ERR_OPENCODE_CLI_EXIT', accepted: true })
    expect(opencode.started()).toHaveLength(1)
  })

  it('what OpenCode asks itself goes through no proxy, and what was spared stays so', async () => {
    const opencode = program(
      `${RUN} onPrompt(() => answer([process.env.NO_PROXY, process.env.no_proxy].join(' ')))`,
    )
    const env = { HTTP_PROXY: 'http://127.0.0.1:9', NO_PROXY: 'example.com', no_proxy: 'example.com' }
    const { text } = await client(opencode, 'run', { env }).generate('hi')
    expect(text.split(' ')).toEqual(Array(2).fill('example.com,127.0.0.1,localhost,::1'))
  })

  it('a rejected permission is seen however standard error is written', async () => {
    const opencode = program(`${RUN}
      onPrompt(() => {
        console.log(part('step_start', { type: 'step-start' }))
        process.stderr.write('x'.repeat(100_000) + '! permission reques')
        process.stderr.write('ted: bash (one\\ntwo); auto-rejecting\\n' + 'x'.repeat(100_000))
        console.log(part('step_finish', { type: 'step-finish', reason: 'tool-calls', cost: 0, tokens: {} }))
      })`)
    const result = await client(opencode, 'run').generate('hi', { permission: 'reject' })
    expect(result).toMatchObject({
      finishReason: 'rejected',
      asks: [{ permission: 'bash', patterns: ['one\ntwo'] }],
    })
  })
})
