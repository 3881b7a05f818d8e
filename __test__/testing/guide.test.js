// Every snippet of the guide is run as it is printed.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installedProject } from '../support/installed.mjs'

const guide = readFileSync(new URL('../../docs/testing.md', import.meta.url), 'utf8')
const snippets = [...guide.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code)
const nameOf = (code) => /^\/\/ (\S+\.m?js)\n/.exec(code)?.[1]

/** What has no name of its own is the inside of a test. */
const parts = snippets.filter((code) => !nameOf(code))
const partsSuite = `
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { generate, generateStream } from 'opencode-stream'
import * as kit from 'opencode-stream/testing'
import { test as base, expect } from 'vitest'

const { cut, fail, finish, hang, lockstep, pause, reasoning, recordTurn, replayStream, text, toolCall, usage } = kit
const test = base.extend(kit.withOpenCode())
${parts.map((code, index) => `test('part ${index}', async ({ opencode: { model, options, directory } }) => {\n${code}})`).join('\n')}
`

/** What replayed.test.js replays. */
const recording = [
  { type: 'start', sessionID: 'ses_1', route: 'server', granularity: 'token' },
  { type: 'text-delta', sessionID: 'ses_1', messageID: 'msg_1', partID: 'prt_1', delta: 'Hello ' },
  { type: 'text-delta', sessionID: 'ses_1', messageID: 'msg_1', partID: 'prt_1', delta: 'from a file.' },
  { type: 'finish', sessionID: 'ses_1', result: { text: 'Hello from a file.', finishReason: 'stop' } },
]

// Whole runs of vitest, each with OpenCodes to start.
describe('docs/testing.md', { timeout: 180_000 }, () => {
  let project
  beforeAll(() => {
    const named = snippets.filter(nameOf).map((code) => [nameOf(code), code])
    project = installedProject({
      ...Object.fromEntries(named),
      'parts.test.js': partsSuite,
      'turn.jsonl': recording.map((event) => `${JSON.stringify(event)}\n`).join(''),
    })
  })
  afterAll(() => project?.remove())

  it('is true for vitest, with the configuration it recommends', async () => {
    const { failed, passed, left, code } = await project.vitest('--no-file-parallelism')
    expect({ failed, left, code }).toEqual({ failed: {}, left: [], code: 0 })
    expect(passed).toEqual(
      expect.arrayContaining(['says hello', ...parts.map((_, index) => `part ${index}`)]),
    )
  })

  it('is true for node:test', async () => {
    const { code, printed, left } = await project.run('--test', 'hello.node.mjs')
    expect({ code, left }, printed).toEqual({ code: 0, left: [] })
  })
})
