// The tarballs at work: a turn of a real OpenCode, token by token, in each runtime and each way to load the package.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text as textOf } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import testing from '../../testing/index.js'
import { executableOf, RUNTIMES } from './runtimes.mjs'

const { lockstep, opencodeBinary, scriptedModel, startOpenCode, text } = testing
const project = inject('project')
const TOKENS = ['one ', 'two ', 'three']

let model
let server
let child
beforeAll(async () => {
  model = await scriptedModel()
  server = await startOpenCode({ model })
})
afterAll(async () => {
  await server?.stop()
  await model?.close()
})

// What one check left, whatever became of it, is not there for the next.
afterEach(() => {
  child?.kill('SIGKILL')
  model.reset()
})

/** With hardly an environment: nothing of this run of vitest, and no compiler. */
function start(executable, words, env = {}) {
  child = spawn(executable, words, {
    cwd: project,
    env: {
      PATH: join(project, 'bin'),
      HOME: join(project, 'bin'),
      DENO_NO_UPDATE_CHECK: '1',
      OPENCODE_STREAM_LOG: 'debug',
      OPTIONS: JSON.stringify({ baseUrl: server.url, directory: server.directory }),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return child
}

/** What the program said. The model waits with each token until the program has shown the one before. */
async function streamed(executable, words, env) {
  const gate = lockstep()
  model.reply(text(TOKENS, { gate }))
  const child = start(executable, words, env)
  const failure = textOf(child.stderr)
  const ended = once(child, 'close')
  const said = []
  for await (const line of createInterface({ input: child.stdout })) {
    const each = JSON.parse(line)
    said.push(each)
    if (each.text) gate.seen()
  }
  const [code] = await ended
  return { said, code, stderr: await failure }
}

const WAYS = [
  ['by `import`', 'import.mjs'],
  ['by `require`', 'require.cjs'],
  ['in a worker thread', 'worker.mjs'],
]

const OWN = [
  ['private', { mode: 'server', autostart: true }],
  ['acp', { mode: 'cli' }],
]

/** OpenCode starts in two seconds, but not on a machine that is busy with something else. */
const STARTS = { timeout: 90_000 }

const whole = (route) => [
  ...TOKENS.map((token) => ({ text: token })),
  { result: { text: TOKENS.join(''), finishReason: 'stop', route } },
]

describe.each(RUNTIMES)('$name', (runtime) => {
  let executable
  beforeAll(async () => {
    executable = await executableOf(runtime)
  })

  it.each(WAYS)('streams a turn %s, token by token, and then ends', async (_, program) => {
    const { said, code, stderr } = await streamed(executable, [...runtime.words, program])
    expect(stderr).toMatch(/turn 1 end after/)
    expect({ said, code }, stderr).toEqual({ said: whole('server'), code: 0 })
  })

  if (runtime.startsOpenCode) {
    it.each(OWN)(
      'streams a turn with no server at hand, route `%s`, and then ends',
      STARTS,
      async (route, options) => {
        const own = { cliPath: await opencodeBinary(), env: model.env, directory: server.directory }
        const { said, code, stderr } = await streamed(executable, [...runtime.words, 'import.mjs'], {
          OPTIONS: JSON.stringify({ ...options, ...own }),
        })
        expect({ said, code }, stderr).toEqual({ said: whole(route), code: 0 })
      },
    )
  }

  if (runtime.runsVitest) {
    it.each(['threads', 'forks'])('streams a turn in vitest, pool `%s`', async (pool) => {
      model.reply(text(TOKENS))
      const words = ['node_modules/vitest/vitest.mjs', 'run', 'pool.test.mjs', `--pool=${pool}`]
      const { stdout, stderr } = start(executable, words, { POOL: pool, NO_COLOR: '1' })
      const printed = (await Promise.all([textOf(stdout), textOf(stderr)])).join('\n')
      expect(printed).toMatch(/Tests +2 passed/)
    })
  }
})
