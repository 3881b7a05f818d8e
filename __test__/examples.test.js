// Every file in examples/ is run: suites by vitest itself, programs here, on a real OpenCode.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import testing from '../testing/index.js'
import { realOpenCode } from './support/real-opencode.mjs'

const { text } = testing
const EXAMPLES = fileURLToPath(new URL('../examples', import.meta.url))

/** Program → the model's replies, and what is printed. */
const PROGRAMS = {
  'with-the-sdk/review.mjs': {
    replies: [text(['Looks ', 'good.'])],
    prints: 'Looks good.\nThe same text is stored in "A review".\n',
  },
}

/** With dependencies of their own: __test__/web. */
const TESTED_APART = /^[\\/](web|next)\b/

const real = realOpenCode()
afterEach(() => real.model.reset())

it.each(Object.entries(PROGRAMS))('%s', async (program, { replies, prints }) => {
  for (const reply of replies) real.model.reply(reply)
  const child = spawn(process.execPath, [join(EXAMPLES, program)], {
    cwd: real.server.directory,
    env: { ...process.env, OPENCODE_SERVER_URL: real.server.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [printed, failed] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, 'close'),
  ])
  expect(printed, failed).toBe(prints)
  real.model.verify()
})

it('no example is forgotten', () => {
  const files = readdirSync(EXAMPLES, { recursive: true, withFileTypes: true }).filter(
    (file) => file.isFile() && !TESTED_APART.test(file.parentPath.slice(EXAMPLES.length)),
  )
  const names = files.map(({ parentPath, name }) =>
    join(parentPath, name)
      .slice(EXAMPLES.length + 1)
      .replaceAll('\\', '/'),
  )
  const programs = names.filter((name) => /\.(js|mjs|cjs|ts|mts)$/.test(name) && !/\.test\.js$/.test(name))
  expect(programs.sort()).toEqual(Object.keys(PROGRAMS).sort())
})
