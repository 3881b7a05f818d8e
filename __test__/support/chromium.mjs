// A headless Chromium, driven over a pipe by its DevTools protocol: its packages for Node want a newer Node than we do.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']
const FLAGS = [
  ...['--headless', '--remote-debugging-pipe', '--no-first-run', '--disable-gpu', '--hide-scrollbars'],
  // As root it refuses its sandbox; the only page it ever sees is ours.
  ...[
    '--no-sandbox',
    '--disable-dev-shm-usage',
    '--disable-background-networking',
    '--disable-component-update',
  ],
]

/** CHROMIUM, or the one on PATH; undefined where there is none. */
export function chromiumPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM
  const folders = (process.env.PATH ?? '').split(delimiter)
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync)
}

export const NO_CHROMIUM = `there is no ${NAMES.join(', ')} on PATH, and CHROMIUM names none`

export async function startChromium() {
  const profile = mkdtempSync(join(tmpdir(), 'opencode-chromium-'))
  const child = spawn(chromiumPath(), [...FLAGS, `--user-data-dir=${profile}`], {
    env: { ...process.env, HOME: profile },
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  })
  const send = commandsOver(child)
  return {
    openPage: (url, size) => openPage(send, url, size),
    async close() {
      const closed = once(child, 'close')
      await send('Browser.close')
      await closed
      rmSync(profile, { recursive: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

/** `send(method, params, sessionId)` resolves with the result. Messages are JSON, each ended by a zero byte. */
function commandsOver({ stdio: [, , , input, output] }) {
  const waiting = new Map()
  let unread = ''
  output.setEncoding('utf8').on('data', (text) => {
    const messages = (unread + text).split('\0')
    unread = messages.pop()
    for (const { id, result, error } of messages.map(JSON.parse)) {
      const { resolve, reject } = waiting.get(id) ?? {}
      waiting.delete(id)
      if (error) reject?.(new Error(error.message))
      else resolve?.(result)
    }
  })
  let sent = 0
  return (method, params = {}, sessionId) =>
    new Promise((resolve, reject) => {
      const id = ++sent
      waiting.set(id, { resolve, reject })
      input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
}

async function openPage(send, url, { width = 900, height = 640 } = {}) {
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true })
  const tell = (method, params) => send(method, params, sessionId)
  await tell('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 2, mobile: false })
  await tell('Page.navigate', { url })

  const page = {
    /** The value of an expression in the page. */
    async see(expression) {
      const { result, exceptionDetails } = await tell('Runtime.evaluate', { expression, returnByValue: true })
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
      return result.value
    },
    /** The texts of all elements that a selector finds. */
    texts: (selector) =>
      page.see(`Array.from(document.querySelectorAll('${selector}'), ({ textContent }) => textContent)`),
    type: (text) => tell('Input.insertText', { text }),
    async press(key, code) {
      for (const type of ['keyDown', 'keyUp'])
        await tell('Input.dispatchKeyEvent', { type, key, windowsVirtualKeyCode: code, text: '\r' })
    },
    /** A real click: nothing that is hidden, or lies under something else, can be clicked. */
    async click(selector) {
      const { x, y } = await page.see(
        `(({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 }))(document.querySelector('${selector}').getBoundingClientRect())`,
      )
      for (const type of ['mousePressed', 'mouseReleased'])
        await tell('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 })
    },
    async screenshot() {
      const { data } = await tell('Page.captureScreenshot', { format: 'png' })
      return Buffer.from(data, 'base64')
    },
  }
  while (!(await page.see('document.readyState === "complete"').catch(() => false)));
  return page
}
