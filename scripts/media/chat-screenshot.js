'use strict'

const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { lockstep } = require('../../testing/index.js')
const { ROOT } = require('../steps.js')
const { ANSWER, PROMPT, scriptTurn } = require('./project.js')

const EXAMPLE = path.join(ROOT, 'examples', 'web')
/** Of the answer's tokens: the picture is of a page at work. */
const SHOWN = ANSWER.slice(0, -14)

/** The chat page in the middle of an answer, as a PNG. */
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
    const page = await chromium.openPage(server.url, { width: 900, height: 560 })
    const gate = lockstep()
    scriptTurn(opencode, { gate })
    await page.type(PROMPT)
    await page.press('Enter', 13)
    while (gate.sent < SHOWN.length) {
      gate.seen()
      await sleep(5)
    }
    while ((await page.texts('.text')).at(-1) !== SHOWN.join('')) await sleep(5)
    return await page.screenshot()
  } finally {
    await chromium.close()
    await server.close()
  }
}

module.exports = { chatScreenshot }
