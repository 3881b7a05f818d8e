// examples/web: three servers that do the same, and the page that each of them serves, in a headless Chromium.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import testing from '../../testing/index.js'
import { chromiumPath, NO_CHROMIUM, startChromium } from '../support/chromium.mjs'
import { dialects } from '../support/dialects.mjs'
import { startExample } from '../support/example-server.mjs'
import { installFolder } from '../support/installed-folder.mjs'
import { realOpenCode, until } from '../support/real-opencode.mjs'
import { whatAServerDoes } from './what-a-server-does.mjs'

const { hang, lockstep, text, toolCall } = testing
const EXAMPLES = fileURLToPath(new URL('../../examples/web', import.meta.url))

const SERVERS = { '1.18.33': ['node-http.mjs', 'express.mjs', 'hono.mjs'], '2.0.15': ['node-http.mjs'] }

beforeAll(() => installFolder(EXAMPLES))

describe.each(Object.keys(SERVERS))('with OpenCode %s', (version) => {
  const real = realOpenCode({ version, config: { permission: { bash: { '*': 'allow', 'touch *': 'ask' } } } })
  const { shell, shellTool } = dialects[real.generation]
  const start = (program) =>
    startExample([join(EXAMPLES, program)], { cwd: real.server.directory, opencode: real.server })
  afterEach(() => real.model.reset())

  describe.each(SERVERS[version])('examples/web/%s', (program) => {
    let server
    beforeAll(async () => {
      server = await start(program)
    })
    afterAll(() => server?.close())

    whatAServerDoes(() => ({ server, real }))

    it('serves the page', async () => {
      const response = await fetch(server.url)
      expect(response.headers.get('content-type')).toMatch(/^text\/html; charset=utf-8$/i)
      expect(await response.text()).toContain('<title>Chat with OpenCode</title>')
    })

    it('takes nothing that another website could have posted', async () => {
      const response = await server.post({ prompt: 'hi' }, { headers: { 'content-type': 'text/plain' } })
      expect(response.status).toBeGreaterThanOrEqual(400)
      expect(real.model.requests).toHaveLength(0)
    })
  })

  describe('the chat page', () => {
    let server
    let chromium
    let page
    beforeAll(async () => {
      if (!chromiumPath()) return
      server = await start('node-http.mjs')
      chromium = await startChromium()
      page = await chromium.openPage(server.url)
    })
    afterAll(async () => {
      await chromium?.close()
      await server?.close()
    })

    const say = async (prompt) => {
      await page.type(prompt)
      await page.press('Enter', 13)
    }
    const isRunning = () => page.see("document.querySelector('form').className === 'running'")
    const inPage = (title, test) =>
      it(title, async ({ skip }) => {
        skip(!chromiumPath(), NO_CHROMIUM)
        await test()
      })

    inPage('its text grows token by token, and its tools are lines among it', async () => {
      const gate = lockstep()
      const tokens = ['Tests ', 'are ', 'run ', 'by ', 'vitest.']
      real.model.reply(text('I will look.'), shell('until [ -e go ]; do sleep 0.05; done'))
      real.model.reply(text(tokens, { gate }))
      await say('How are tests run?')
      await until(async () => (await page.texts('.tool.running')).length === 1)
      // With OpenCode 2 a tool may run before the last words that stand before it have come.
      await until(async () => (await page.texts('.text'))[0] === 'I will look.')
      writeFileSync(join(real.server.directory, 'go'), '')
      for (const [index] of tokens.entries()) {
        const soFar = tokens.slice(0, index + 1).join('')
        await until(async () => (await page.texts('.text')).at(-1) === soFar)
        expect(await isRunning()).toBe(true)
        gate.seen()
      }
      await until(async () => !(await isRunning()))
      expect(await page.texts('.tool.completed')).toEqual([expect.stringMatching(`^${shellTool} · `)])
      expect(await page.texts('.prompt, .text, .tool, .end')).toEqual([
        'How are tests run?',
        'I will look.',
        expect.stringMatching(`^${shellTool} · `),
        'Tests are run by vitest.',
        expect.stringMatching(/^stop · \d+ tokens$/),
      ])
    })

    inPage('its stop button stops the turn inside OpenCode, and the conversation goes on', async () => {
      real.model.reply(text('Once upon'), hang())
      await say('Tell me a story.')
      await until(async () => (await page.texts('.text')).at(-1) === 'Once upon')
      await page.click('#stop')
      await until(async () => (await page.texts('.end')).at(-1) === 'stopped')
      const [request] = real.model.requests
      await request.ended
      expect(request.aborted).toBe(true)
      await until(async () => (await real.active()).length === 0)

      real.model.reply(text('Gladly.'))
      await say('Another one?')
      await until(async () => (await page.texts('.text')).at(-1) === 'Gladly.')
      expect(JSON.stringify(real.model.requests.at(-1).messages)).toContain('Once upon')
    })

    inPage('what the agent asks is shown with buttons, and a click answers', async () => {
      const options = ['Red', 'Blue'].map((label) => ({ label, description: label }))
      real.model.reply(shell('touch made-by-a-click'))
      real.model.reply(
        toolCall('question', { questions: [{ question: 'Which?', header: 'Which', options }] }),
      )
      real.model.reply(text('Made, in blue.'))
      await say('Make it.')
      await until(async () => (await page.texts('.ask')).length === 1)
      expect(await page.texts('.ask')).toEqual([expect.stringContaining('touch made-by-a-click')])
      expect(existsSync(join(real.server.directory, 'made-by-a-click'))).toBe(false)
      await page.click('.ask button')
      await until(async () => (await page.texts('.ask')).some((asked) => asked.startsWith('Which?')))
      expect(existsSync(join(real.server.directory, 'made-by-a-click'))).toBe(true)
      await page.click('.ask button:nth-of-type(2)')
      await until(async () => !(await isRunning()))
      expect((await page.texts('.note, .text')).slice(-3)).toEqual([
        `${shellTool} touch made-by-a-click: once`,
        'Which? Blue',
        'Made, in blue.',
      ])
      expect(JSON.stringify(real.model.requests.at(-1).messages)).toContain('Blue')
    })

    inPage('what goes wrong is told', async () => {
      real.model.reply(testing.fail(401, { message: 'bad key' }))
      await say('Hello?')
      await until(async () => (await page.texts('.end')).at(-1)?.includes('bad key'))
      expect(await isRunning()).toBe(false)
    })

    inPage('an answer is text, whatever it looks like', async () => {
      real.model.reply(text('<img src=x onerror="document.title = 1"> <b>bold</b>'))
      await say('Some HTML, please.')
      await until(async () => (await page.texts('.text')).at(-1)?.endsWith('<b>bold</b>'))
      expect(await page.see("document.querySelectorAll('main img, main b').length")).toBe(0)
    })
  })
})
