'use strict'

const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { lockstep, toolCall } = require('../../testing/index.js')
const { ROOT } = require('../steps.js')
const { ANSWER, PROMPT, scriptTurn } = require('./project.js')

const EXAMPLE = path.join(ROOT, 'examples', 'web')
/** The chat page in the middle of a turn, as a PNG: it has answered, and asks whether it may run a command. */
async function chatScreenshot(opencode) {
  const { startChromium } = await import('../../__test__/support/chromium.mjs')
  const { installFolder } = await import('../../__test__/support/installed-folder.mjs')
  const { startExample } = await import('../../__test__/support/example-server.mjs')
  await installFolder(EXAMPLE)
  const server = await startExample([path.join(EXAMPLE, 'node-http.mjs')], {
    cwd: opencode.directory,
    opencode: opencode.server,
  })
  const chromium = await startChromium()
  try {
    const page = await chromium.openPage(server.url, { width: 900, height: 640 })
    const gate = lockstep()
    scriptTurn(opencode, { gate }, toolCall('bash', { command: 'npm start', description: 'Start it' }))
    await page.type(PROMPT)
    await page.press('Enter', 13)
    while (gate.sent < ANSWER.length) {
      gate.seen()
      await sleep(5)
    }
    gate.release()
    while ((await page.texts('.ask button')).length < 3) await sleep(5)
    return await page.screenshot()
  } finally {
    await chromium.close()
    await server.close()
  }
}

module.exports = { chatScreenshot }
