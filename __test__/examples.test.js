// Every file in examples/ is run: suites by vitest itself, programs here, on a real OpenCode.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { afterEach, expect, it } from 'vitest'
import testing from '../testing/index.js'
import { EXAMPLES, exampleFiles } from './support/example-files.mjs'
import { realOpenCode } from './support/real-opencode.mjs'

const { fail, hang, opencodeBinary, reasoning, text, toolCall } = testing
const bash = (command) => toolCall('bash', { command, description: 'a command' })
const question = { question: 'Which?', header: 'Which', options: [{ label: 'Blue', description: 'blue' }] }

/**
 * Program → the model's `replies`, one for each request, and what it `prints`. `types`: what somebody answers at each
 * `? `. `alone`: no server is named, and an executable is. `asked`: what the last request must have shown to the model.
 */
const PROGRAMS = {
  'hello.mjs': {
    replies: [[text(['It is ', 'empty.'])]],
    prints: /^It is empty\.\nstop, \d+ tokens, session ses_\w+\n$/,
  },
  'modes.mjs': {
    alone: true,
    replies: [[text('A.')], [text('B.')], [text('C.')]],
    prints: 'private, token by token: A.\nacp, token by token: B.\nrun, part by part: C.\n',
  },
  'client.mjs': {
    replies: [[text('Both.')], [text('Both.')]],
    prints: 'Both.\nBoth.\n',
  },
  'events.mjs': {
    replies: [[reasoning('Hm. '), text('I run them. '), bash('echo well')], [text('All passed.')]],
    prints: /^Hm\. I run them\. \[bash\] .+\nAll passed\.\n\d+ tokens, \$0\n$/,
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
      [bash('rm -f a')],
      [bash('rm -f b')],
      [toolCall('question', { questions: [question] })],
      [text('Clean.')],
    ],
    types: ['y', 'n', 'Blue'],
    prints:
      "Allow bash [ 'rm -f a' ]? Allow bash [ 'rm -f b' ]? Which? Clean.\npermission once\npermission reject\nquestion [ [ 'Blue' ] ]\n",
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
  },
  'errors.mjs': {
    replies: [[fail(401, { message: 'bad key' })]],
    prints: /^ERR_OPENCODE_PROVIDER 401\n.*bad key.*\n(.+\n)?accepted: true\n$/,
  },
  'conversation.mjs': {
    replies: [[text('I will.')], [text('Blue.')]],
    prints: 'I will.\nBlue. true\n',
  },
  // What it asks, nobody answers: a failure, with what was asked.
  'ci.mjs': {
    replies: [[bash('npm test')]],
    prints: /^ERR_OPENCODE_REJECTED\n.*bash \(npm test\).*\n.+\nasked: bash \[ 'npm test' \]\ncost: \$0\n$/,
  },
  'signals.mjs': {
    replies: [[text('Tidy.')]],
    prints: 'Tidy.\n',
  },
  'with-the-sdk/review.mjs': {
    replies: [[text(['Looks ', 'good.'])]],
    prints: 'Looks good.\nThe same text is stored in "A review".\n',
  },
}

/** With dependencies of their own: __test__/web, __test__/ai-sdk. */
const TESTED_APART = /^(web|next|ai-sdk)\//

const real = realOpenCode({ config: { permission: { bash: 'ask' } } })
afterEach(() => real.model.reset())

async function environment({ alone }) {
  if (alone) return { ...real.model.env, OPENCODE_BIN: await opencodeBinary() }
  return { ...process.env, OPENCODE_SERVER_URL: real.server.url }
}

/** Types an answer whenever it is asked for one: readline forgets lines that nobody asked for. */
function answer({ stdin, stdout }, answers) {
  stdin.on('error', () => {})
  stdout.on('data', (said) => {
    if (String(said).endsWith('? ')) stdin.write(`${answers.shift()}\n`)
  })
}

it.each(Object.entries(PROGRAMS))('%s', { timeout: 180_000 }, async (program, each) => {
  for (const reply of each.replies) real.model.reply(...reply)
  const child = spawn(process.execPath, [join(EXAMPLES, program)], {
    cwd: real.server.directory,
    env: await environment(each),
    stdio: 'pipe',
  })
  answer(child, [...(each.types ?? [])])
  const [printed, failed] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, 'close'),
  ])
  expect(printed, failed).toEqual(
    typeof each.prints === 'string' ? each.prints : expect.stringMatching(each.prints),
  )
  const asked = JSON.stringify(real.model.requests.at(-1).messages)
  for (const words of each.asked ?? []) expect(asked).toContain(words)
  real.model.verify()
})

/** A program, the signal that it gets in mid-answer, what it prints, and its exit code. */
it.each([
  ['hello.mjs', 'SIGINT', /^Once upon\nabort, \d+ tokens, session ses_\w+\n$/, 0],
  ['signals.mjs', 'SIGINT', /^stopped by SIGINT\n$/, 1],
  ['signals.mjs', 'SIGTERM', /^stopped by SIGTERM\n$/, 1],
])('%s stops the turn inside OpenCode at %s', { timeout: 180_000 }, async (program, signal, prints, code) => {
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
})

it('no example is forgotten', () => {
  const programs = exampleFiles().filter(
    (name) => /\.(js|mjs|cjs|ts|mts)$/.test(name) && !/\.test\.js$/.test(name) && !TESTED_APART.test(name),
  )
  expect(programs.sort()).toEqual(Object.keys(PROGRAMS).sort())
})
