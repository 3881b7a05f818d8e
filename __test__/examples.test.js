// Every file in examples/ is run: suites by vitest itself, programs here, on a real OpenCode.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { buildSync } from 'esbuild'
import { afterEach, describe, expect, it } from 'vitest'
import testing from '../testing/index.js'
import { dialects } from './support/dialects.mjs'
import { EXAMPLES, exampleFiles } from './support/example-files.mjs'
import { realOpenCode, until } from './support/real-opencode.mjs'

const { fail, hang, lockstep, opencodeBinary, reasoning, startOpenCode, text, toolCall } = testing
const question = { question: 'Which?', header: 'Which', options: [{ label: 'Blue', description: 'blue' }] }

/**
 * Program → the model's `replies`, one for each request, and what it `prints`; a program may have several such cases.
 * `args` are its own; it `exits` with 0 if nothing else is said. `types`: what somebody answers at each `? `. `alone`:
 * no server is named, and an executable is. `asked`: what the last request must have shown to the model. `second`: what
 * is different with OpenCode 2; `false`: the program is for OpenCode 1.
 */
const programs = ({ shell, shellTool }) => ({
  'hello.mjs': {
    replies: [[text(['It is ', 'empty.'])]],
    prints: /^It is empty\.\nstop, \d+ tokens, session ses_\w+\n$/,
  },
  'modes.mjs': {
    alone: true,
    replies: [[text('A.')], [text('B.')], [text('C.')]],
    prints: 'private, token by token: A.\nacp, token by token: B.\nrun, part by part: C.\n',
    // Its ACP may ask a model that the user did not choose, so it is left out.
    second: { prints: 'private, token by token: A.\nrun, part by part: B.\nrun, part by part: C.\n' },
  },
  'client.mjs': {
    replies: [[text('Both.')], [text('Both.')]],
    prints: 'Both.\nBoth.\n',
  },
  'events.mjs': {
    replies: [[reasoning('Hm. '), text('I run them. '), shell('echo well')], [text('All passed.')]],
    prints: /^Hm\. I run them\. \[bash\] .+\nAll passed\.\n\d+ tokens, \$0\n$/,
    // It gives its tools no titles.
    second: { prints: /^Hm\. I run them\. \[shell\] \nAll passed\.\n\d+ tokens, \$0\n$/ },
  },
  'sessions.mjs': {
    replies: [[text('Yes.')], [text('Blue.')], [text('Green.')], [text('42')]],
    prints: 'Blue.\nGreen. false\n',
  },
  'leaving.mjs': {
    replies: [
      [text('Once upon'), hang()],
      [text('A time'), hang()],
    ],
    prints: 'abort: Once upon\nenough: A time\n',
  },
  'asks.mjs': {
    replies: [
      [shell('rm -f a')],
      [shell('rm -f b')],
      [toolCall('question', { questions: [question] })],
      [text('Clean.')],
    ],
    types: ['y', 'n', 'Blue'],
    prints: `Allow ${shellTool} [ 'rm -f a' ]? Allow ${shellTool} [ 'rm -f b' ]? Which? Clean.\npermission once\npermission reject\nquestion [ [ 'Blue' ] ]\n`,
  },
  'files.mjs': {
    replies: [[text('It does.')]],
    prints: 'It does.\n',
    asked: ["import { generate } from 'opencode-stream'", 'It shows itself to a model.'],
  },
  'json.mjs': {
    replies: [
      [toolCall('StructuredOutput', { name: 'opencode-stream', languages: ['Rust', 'JavaScript'] })],
      [text('None?')],
      [text('1')],
    ],
    prints: 'opencode-stream Rust, JavaScript\n1\n',
    // It is asked for JSON in words.
    second: {
      replies: [
        [text('{"name":"opencode-stream","languages":["Rust","JavaScript"]}')],
        [text('None?')],
        [text('1')],
      ],
    },
  },
  'errors.mjs': {
    replies: [[fail(401, { message: 'bad key' })]],
    prints: /^ERR_OPENCODE_PROVIDER 401\n.*bad key.*\n(.+\n)?accepted: true\n$/,
  },
  'conversation.mjs': {
    replies: [[text('I will.')], [text('Blue.')]],
    prints: 'I will.\nBlue. true\n',
  },
  'ci.mjs': [
    { replies: [[text('All pass.')]], prints: 'All pass.\n' },
    // What it asks, nobody answers: a failure, with what was asked.
    {
      replies: [[shell('npm test')]],
      exits: 1,
      prints: new RegExp(
        `^ERR_OPENCODE_REJECTED accepted: true\\n.*${shellTool} \\(npm test\\).*\\n.+\\nasked: ${shellTool} \\[ 'npm test' \\]\\ncost: \\$0\\n$`,
      ),
    },
    // The provider is down, and OpenCode tries it again and again until the time is up.
    {
      args: ['0.1'],
      replies: Array.from({ length: 4 }, () => [fail(500, { message: 'out of order' })]),
      mayBeLeft: true,
      exits: 1,
      prints:
        /^ERR_OPENCODE_TIMEOUT accepted: true\n.*retrying the model provider.*out of order\n.*provider.*\nprovider: \d+ .*out of order.*\ncost: \$0\n$/,
    },
    {
      replies: [[fail(401, { message: 'bad key' })]],
      exits: 1,
      prints: /^ERR_OPENCODE_PROVIDER accepted: true\n.*bad key.*\n.*key.*\ncost: \$0\n$/,
    },
    {
      args: ['10', 'nobody/nothing'],
      replies: [],
      exits: 1,
      prints: /^ERR_OPENCODE_MODEL_NOT_FOUND accepted: false\n.*nobody.*\n.+\n$/,
    },
  ],
  'wrong-model.mjs': {
    replies: [[text('The default.')]],
    prints: /^.*nobody.*\n.*scripted.*\nThe default\.\n$/,
  },
  'run-on.mjs': {
    replies: [[text('Tidy.')]],
    prints: 'Tidy.',
  },
  'signals.mjs': {
    replies: [[text('Tidy.')]],
    prints: 'Tidy.\n',
  },
  'strict.mts': {
    replies: [[toolCall('StructuredOutput', { title: 'A stream' })]],
    prints: 'A stream\n',
    second: { replies: [[text('{"title":"A stream"}')]] },
  },
  'with-the-sdk/review.mjs': {
    // The SDK on npm speaks the API of OpenCode 1.
    second: false,
    replies: [[text(['Looks ', 'good.'])]],
    prints: 'Looks good.\nThe same text is stored in "A review".\n',
  },
})

/** Run below, with a server that is killed. */
const KILLED = 'killed-server.mjs'

/** With dependencies of their own: __test__/web, __test__/ai-sdk. */
const TESTED_APART = /^(web|next|ai-sdk)\//

function environmentOf({ url, password }) {
  const credentials = password === undefined ? {} : { OPENCODE_SERVER_PASSWORD: password }
  return { ...process.env, OPENCODE_SERVER_URL: url, ...credentials }
}

/** TypeScript loses its types; the folder is inside this package, so that `opencode-stream` is found. */
function runnable(program) {
  const file = join(EXAMPLES, program)
  if (!program.endsWith('.mts')) return file
  const outfile = join(EXAMPLES, '../target/examples', program.replace(/mts$/, 'mjs'))
  buildSync({ entryPoints: [file], outfile, format: 'esm', logLevel: 'error' })
  return outfile
}

/** Types an answer whenever it is asked for one: readline forgets lines that nobody asked for. */
function answer({ stdin, stdout }, answers) {
  stdin.on('error', () => {})
  stdout.on('data', (said) => {
    if (String(said).endsWith('? ')) stdin.write(`${answers.shift()}\n`)
  })
}

describe.each(['1.18.33', '2.0.15'])('with OpenCode %s', (version) => {
  const real = realOpenCode({ version, config: { permission: { bash: 'ask' } } })
  afterEach(() => real.model.reset())

  async function environment({ alone }) {
    if (alone) return { ...real.model.env, OPENCODE_BIN: await opencodeBinary(version) }
    return environmentOf(real.server)
  }

  const { shell, shellTool } = dialects[real.generation]
  const cases = Object.entries(programs(dialects[real.generation]))
    .flatMap(([program, own]) => [own].flat().map((each) => [program, each]))
    .filter(([, { second }]) => real.generation === 1 || second !== false)
    .map(([program, each]) => [program, real.generation === 1 ? each : { ...each, ...each.second }])

  it.each(cases)('%s', { timeout: 180_000 }, async (program, each) => {
    for (const reply of each.replies) real.model.reply(...reply)
    const child = spawn(process.execPath, [runnable(program), ...(each.args ?? [])], {
      cwd: real.server.directory,
      env: await environment(each),
      stdio: 'pipe',
    })
    answer(child, [...(each.types ?? [])])
    const [printed, failed, [exitCode]] = await Promise.all([
      textOf(child.stdout),
      textOf(child.stderr),
      once(child, 'close'),
    ])
    expect(printed, failed).toEqual(
      typeof each.prints === 'string' ? each.prints : expect.stringMatching(each.prints),
    )
    expect(exitCode).toBe(each.exits ?? 0)
    const asked = JSON.stringify(real.model.requests.at(-1)?.messages)
    for (const words of each.asked ?? []) expect(asked).toContain(words)
    if (!each.mayBeLeft) real.model.verify()
  })

  /** A program, the signal that it gets in mid-answer, what it prints, and its exit code. */
  it.each([
    ['hello.mjs', 'SIGINT', /^Once upon\nabort, \d+ tokens, session ses_\w+\n$/, 0],
    ['signals.mjs', 'SIGINT', /^stopped by SIGINT\n$/, 1],
    ['signals.mjs', 'SIGTERM', /^stopped by SIGTERM\n$/, 1],
  ])(
    '%s stops the turn inside OpenCode at %s',
    { timeout: 180_000 },
    async (program, signal, prints, code) => {
      real.model.reply(text('Once upon'), hang())
      const child = spawn(process.execPath, [join(EXAMPLES, program)], {
        cwd: real.server.directory,
        env: await environment({}),
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const printed = textOf(child.stdout)
      const [request] = await real.model.waitForRequests(1)
      if (program === 'hello.mjs') await once(child.stdout, 'data')
      child.kill(signal)
      const [exitCode] = await once(child, 'close')
      expect(await printed).toMatch(prints)
      expect(exitCode).toBe(code)
      await request.ended
      expect(request.aborted).toBe(true)
    },
  )

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'])(
    'run-on.mjs leaves the agent at work at %s',
    { timeout: 180_000 },
    async (signal) => {
      const gate = lockstep()
      real.model.reply(text(['Tidying ', 'on.'], { gate }))
      const child = spawn(process.execPath, [join(EXAMPLES, 'run-on.mjs')], {
        cwd: real.server.directory,
        env: await environment({}),
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const printed = textOf(child.stdout)
      await once(child.stdout, 'data')
      child.kill(signal)
      await once(child, 'close')
      const [sessionID] = await real.active()
      if (signal !== 'SIGKILL') expect(await printed).toBe(`Tidying \nruns on in ${sessionID}\n`)
      gate.release()
      await until(async () => !(await real.busy(sessionID)))
      expect(await real.storedText(sessionID)).toBe('Tidying on.')
    },
  )

  /** What each prints when its server is killed in the middle of what the model says. */
  it.each([
    [
      'killed-server.mjs',
      [text('I would. '), shell('npm publish')],
      'asked: ',
      new RegExp(
        `^asked: ${shellTool} \\[ 'npm publish' \\]\\nERR_OPENCODE_STREAM_LOST accepted: true\\nso far: I would\\. \\nlooked: ERR_OPENCODE_UNREACHABLE\\n$`,
      ),
    ],
    [
      'ci.mjs',
      [text('Running them'), hang()],
      undefined,
      /^ERR_OPENCODE_STREAM_LOST accepted: true\n.*lost.*\n.+\n(cost: \$0\n)?$/,
    ],
  ])('%s, whose server is killed', { timeout: 180_000 }, async (program, reply, said, prints) => {
    real.model.reply(...reply)
    const server = await startOpenCode({
      version,
      model: real.model,
      config: { permission: { bash: 'ask' } },
    })
    const child = spawn(process.execPath, [join(EXAMPLES, program)], {
      cwd: server.directory,
      env: environmentOf(server),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const printed = textOf(child.stdout)
    await (said ? once(child.stdout, 'data') : real.model.waitForRequests(1))
    server.child.kill('SIGKILL')
    const [exitCode] = await once(child, 'close')
    await server.stop()
    expect(await printed).toMatch(prints)
    expect(exitCode).toBe(1)
  })
})

it('no example is forgotten', () => {
  const files = exampleFiles().filter(
    (name) => /\.(js|mjs|cjs|ts|mts)$/.test(name) && !/\.test\.js$/.test(name) && !TESTED_APART.test(name),
  )
  expect(files.sort()).toEqual([...Object.keys(programs(dialects[1])), KILLED].sort())
})
