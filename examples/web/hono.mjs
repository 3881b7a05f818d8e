// The same chat on Hono: `node hono.mjs`, then open the address that it prints.
import { readFile } from 'node:fs/promises'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { generateStream, OpenCodeError } from 'opencode-stream'
import { isOwnPage, textOf } from './own-page.mjs'

const page = await readFile(new URL('chat.html', import.meta.url), 'utf8')
const app = new Hono()

app.use(async (c, next) => (isOwnPage(c.req.header()) ? next() : c.body(null, 403)))

app.get('/', (c) => c.html(page))

app.post('/chat', bodyLimit({ maxSize: 100_000 }), async (c) => {
  // Another website can make a browser post to us, but not JSON.
  if (c.req.header('content-type') !== 'application/json') return c.body(null, 415)
  const { prompt, sessionID } = (await c.req.json()) ?? {}
  // A browser that goes away cancels the response, and the turn is stopped inside OpenCode.
  return generateStream(textOf(prompt), { sessionID }).toResponse()
})

app.onError((error, c) => {
  // What is wrong with the prompt is thrown at once, before anything is sent.
  const { code, message } = error
  if (error instanceof OpenCodeError || error instanceof SyntaxError) return c.json({ code, message }, 400)
  console.error(error)
  return c.body(null, 500)
})

// On loopback only: who reaches this page can have OpenCode work in this directory.
serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`http://127.0.0.1:${port}`)
})
