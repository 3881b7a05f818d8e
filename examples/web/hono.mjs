// The same chat on Hono: `node hono.mjs`, then open the address that it prints.
import { readFile } from 'node:fs/promises'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { OpenCodeError } from 'opencode-stream'
import { isOwnPage } from './own-page.mjs'
import { answer, reply } from './turns.mjs'

const page = await readFile(new URL('chat.html', import.meta.url), 'utf8')
const app = new Hono()

app.use(async (c, next) => (isOwnPage(c.req.header()) ? next() : c.body(null, 403)))

app.get('/', (c) => c.html(page))

app.post('*', bodyLimit({ maxSize: 100_000 }), async (c, next) => {
  // Another website can make a browser post to us, but not JSON.
  return c.req.header('content-type') === 'application/json' ? next() : c.body(null, 415)
})

// A browser that goes away cancels the response, and the turn is stopped inside OpenCode.
app.post('/chat', async (c) => answer((await c.req.json()) ?? {}))

app.post('/reply', async (c) => c.body(null, reply((await c.req.json()) ?? {})))

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
