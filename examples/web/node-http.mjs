// A chat on nothing but Node: `node node-http.mjs`, then open the address that it prints.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { generateStream, OpenCodeError } from 'opencode-stream'
import { isOwnPage, textOf } from './own-page.mjs'

const page = await readFile(new URL('chat.html', import.meta.url))

const server = createServer(async (request, response) => {
  try {
    if (!isOwnPage(request.headers)) response.writeHead(403).end()
    else if (request.method === 'POST' && request.url === '/chat') await answer(request, response)
    else if (request.url === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(page)
    else response.writeHead(404).end()
  } catch (error) {
    // What is wrong with the prompt is thrown at once, before anything is sent.
    const isTheirs = error instanceof OpenCodeError || error instanceof SyntaxError
    if (!isTheirs) console.error(error)
    if (!response.headersSent) response.writeHead(isTheirs ? 400 : 500)
    const { code, message } = error
    response.end(isTheirs ? JSON.stringify({ code, message }) : undefined)
  }
})

async function answer(request, response) {
  // Another website can make a browser post to us, but not JSON.
  if (request.headers['content-type'] !== 'application/json') return response.writeHead(415).end()
  const { prompt, sessionID } = await bodyOf(request)
  const { status, headers, body } = generateStream(textOf(prompt), { sessionID }).toResponse()
  response.writeHead(status, Object.fromEntries(headers))
  // A browser that goes away closes `response`; that cancels the body, and the turn is stopped inside OpenCode.
  await pipeline(Readable.fromWeb(body), response).catch(() => {})
}

async function bodyOf(request) {
  let body = ''
  for await (const text of request.setEncoding('utf8')) {
    body += text
    if (body.length > 100_000) throw new SyntaxError('The request is too long')
  }
  return JSON.parse(body) ?? {}
}

// On loopback only: who reaches this page can have OpenCode work in this directory.
server.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
