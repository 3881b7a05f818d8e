// The same chat on Express: `node express.mjs`, then open the address that it prints.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import express from 'express'
import { OpenCodeError } from 'opencode-stream'
import { isOwnPage } from './own-page.mjs'
import { answer, reply } from './turns.mjs'

const app = express()

app.use((request, response, next) => {
  if (isOwnPage(request.headers)) next()
  else response.sendStatus(403)
})

app.get('/', (_, response) => response.sendFile(fileURLToPath(new URL('chat.html', import.meta.url))))

// `express.json()` takes nothing but JSON, which another website cannot make a browser post to us.
app.post('/chat', express.json(), async (request, response) => {
  const { status, headers, body } = answer(request.body ?? {})
  response.status(status).setHeaders(headers)
  // A browser that goes away closes `response`; that cancels the body, and the turn is stopped inside OpenCode.
  await pipeline(Readable.fromWeb(body), response).catch(() => {})
})

app.post('/reply', express.json(), (request, response) => {
  response.sendStatus(reply(request.body ?? {}))
})

app.use((error, _request, response, next) => {
  // What is wrong with the prompt is thrown at once, before anything is sent.
  const { code, message } = error
  if (error instanceof OpenCodeError) response.status(400).json({ code, message })
  else next(error)
})

// On loopback only: who reaches this page can have OpenCode work in this directory.
const server = app.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
