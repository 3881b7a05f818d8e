// A chat on nothing but Node: `node node-http.mjs`, then open the address that it prints.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { generateStream, OpenCodeError } from 'opencode-stream'

const page = await readFile(new URL('chat.html', import.meta.url))

const server = createServer(async (request, response) => {
  try {
    if (request.method === 'POST' && request.url === '/chat') await answer(request, response)
    else if (request.url === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(page)
    else response.writeHead(404).end()
  } catch (error) {
    // What is wrong with the prompt is thrown at once, before anything is sent.
    const isTheirs = error instanceof OpenCodeError || error instanceof SyntaxError
    if (!isTheirs) console.error(error)
    if (!response.headersSent) response.writeHead(isTheirs ? 400 : 500)
    response.end(isTheirs ? JSON.stringify(error) : undefined)
  }
})

async function answer(request, response) {
  // Another website can make a browser post to us, but not JSON.
  if (request.headers['content-type'] !== 'application/json') return response.writeHead(415).end()
  const { prompt, sessionID } = await json(request)
  const { status, headers, body } = generateStream(prompt, { sessionID }).toResponse()
  response.writeHead(status, Object.fromEntries(headers))
  // A browser that goes away closes `response`; that cancels the body, and the turn is stopped inside OpenCode.
  await pipeline(Readable.fromWeb(body), response).catch(() => {})
}

// On loopback only: who reaches this page can have OpenCode work in this directory.
server.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
