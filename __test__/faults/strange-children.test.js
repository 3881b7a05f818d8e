// What we start may be anything: a child that prints garbage, or that cannot write. One typed error, or nothing at all,
// and never a hang or a process left.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { OpenCode } from '../../index.js'
import testing from '../../testing/index.js'
import { processesMarked } from '../support/processes.mjs'
import { until } from '../support/real-opencode.mjs'

const { opencodeBinary, scriptedModel, text } = testing
const ROUTES = {
  private: { mode: 'server', autostart: true },
  acp: { mode: 'cli', cliProtocol: 'acp' },
  run: { mode: 'cli', cliProtocol: 'run' },
}

let model
let real
let folder
beforeAll(async () => {
  model = await scriptedModel()
  real = await opencodeBinary()
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'strange-children-')))
})
afterAll(async () => {
  await model.close()
  rmSync(folder, { recursive: true, force: true })
})

const clients = []
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  model.reset()
  await until(() => processesMarked(`HOME=${model.env.HOME}\0`).length === 0)
})

/** A turn of an "opencode" that is this script. */
function turnOf(script, route, more) {
  const cliPath = join(folder, `opencode-${readdirSync(folder).length}`)
  writeFileSync(cliPath, `#!/bin/bash\n${script}\n`, { mode: 0o755 })
  const client = new OpenCode({ ...ROUTES[route], cliPath, env: model.env, directory: folder, ...more })
  clients.push(client)
  return client.generate('hi')
}

// Halves of JSON, bytes that are no UTF-8, JSON of other shapes, messages that nobody asked for, and what a plugin logs
// of conversations and events of its own.
const LOGGED = String.raw`{"id":0,"name":"a model"}\n{"jsonrpc":"2.0","id":1,"result":{}}\n{"id":2,"error":"words"}\n{"type":"event","sessionID":"ses_other"}`
const GARBAGE = String.raw`printf 'no json\n\377\376\000\n{"half":\n[1,2]\nnull\n{"jsonrpc":"2.0","id":99,"result":{}}\n{"type":"text"}\n${LOGGED}\n'`

describe.each(Object.keys(ROUTES))('a child on the route %s', (route) => {
  it('that prints garbage before it works costs nothing', async () => {
    model.reply(text('clean'))
    const turn = await turnOf(`${GARBAGE}\nexec ${real} "$@"`, route)
    expect(turn).toMatchObject({ text: 'clean', route })
  })

  it.each([
    ['garbage and ends', `${GARBAGE}; exit 0`, /SERVER_START|CLI_EXIT/],
    [
      'a line that never ends',
      'while :; do printf "%0999d" 7 || exit; done',
      /LIMIT|TIMEOUT|SERVER_START|CLI_EXIT/,
    ],
    ['garbage for ever', 'while :; do echo garbage || exit; done', /TIMEOUT|CLI_EXIT|LIMIT/],
  ])('that prints %s is one error, and nothing was sent', async (_, script, code) => {
    const limits = { limits: { record: 100_000 }, timeouts: { serverStart: 1_500 } }
    const error = await turnOf(script, route, limits).catch((error) => error)
    expect(error).toMatchObject({ code: expect.stringMatching(code), accepted: false })
    expect(model.requests).toEqual([])
  })

  it('that cannot write to a full disk is one error', async () => {
    // To a program a full disk is writes that fail, as beyond this limit.
    const script = `trap '' XFSZ; ulimit -f 0; exec ${real} "$@"`
    const env = { ...model.env, HOME: join(folder, `home-${route}`), TMPDIR: folder }
    const more = { env, timeouts: { serverStart: 10_000, total: 20_000 } }
    const error = await turnOf(script, route, more).catch((error) => error)
    expect(error).toMatchObject({
      code: expect.stringMatching(/SERVER_START|CLI_EXIT/),
      // `run` takes its prompt as it starts, so nobody knows.
      accepted: route === 'run' ? 'unknown' : false,
      stderr: expect.any(String),
    })
    expect(model.requests).toEqual([])
  })
})

it('a child that gets ready for ACP and opens no session: the MCP servers are named', async () => {
  const script = `
[ "$1" = acp ] || exec ${real} "$@"
read -r line
[[ $line =~ id.:([0-9]+) ]]
echo '{"jsonrpc":"2.0","id":'\${BASH_REMATCH[1]}',"result":{"protocolVersion":1,"agentCapabilities":{"loadSession":true},"agentInfo":{"name":"OpenCode","version":"1.18.33"}}}'
while read -r line; do :; done`
  await expect(turnOf(script, 'acp', { timeouts: { serverStart: 2000 } })).rejects.toMatchObject({
    code: 'ERR_OPENCODE_TIMEOUT',
    accepted: false,
    message: '`opencode acp` did not open a session within 3000 ms',
    hint: expect.stringContaining('MCP'),
    data: { phase: 'serverStart' },
  })
  expect(model.requests).toEqual([])
})

describe('our own disk is full', () => {
  const PROGRAM = `
    import { generate } from ${JSON.stringify(fileURLToPath(new URL('../../index.js', import.meta.url)))}
    const options = JSON.parse(process.argv[1])
    options.config = { instructions: ['x'.repeat(200_000)] }
    const call = async () => generate('hi', options)
    const { code, message } = await call().catch((error) => error)
    console.log(JSON.stringify({ code, message }))`

  it.each(Object.keys(ROUTES))(
    'a config too large to be passed on is refused before anything starts, and no file is tried: %s',
    async (route) => {
      const options = { ...ROUTES[route], cliPath: real, env: model.env, directory: folder }
      const before = readdirSync(folder)
      const child = spawn(
        'bash',
        [
          '-c',
          'ulimit -f 64; exec "$0" --input-type=module -e "$1" "$2"',
          process.execPath,
          PROGRAM,
          JSON.stringify(options),
        ],
        {
          env: { ...process.env, TMPDIR: folder },
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      )
      let out = ''
      for await (const chunk of child.stdout) out += chunk
      const error = JSON.parse(out)
      expect(error.code).toBe('ERR_OPENCODE_INVALID_OPTION')
      expect(error.message).toMatch(/`config` is \d+ bytes as JSON, but the system passes on at most \d+/)
      expect(readdirSync(folder), 'no half of a file is left').toEqual(before)
    },
  )
})
