// A chat on nothing but Node: `node node-http.mjs`, then open the address that it prints.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { OpenCodeError } from 'opencode-stream'
import { isOwnPage } from './own-page.mjs'
import { answer, reply } from './turns.mjs'

const page = await readFile(new URL('chat.html', import.meta.url))

const server = createServer(async (request, response) => {
  try {
    if (!isOwnPage(request.headers)) response.writeHead(403).end()
    else if (request.method === 'POST' && request.url === '/chat') await chat(request, response)
    else if (request.method === 'POST' && request.url === '/reply')
      response.writeHead(reply(await bodyOf(request))).end()
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

async function chat(request, response) {
  const { status, headers, body } = answer(await bodyOf(request))
  response.writeHead(status, Object.fromEntries(headers))
  // A browser that goes away closes `response`; that cancels the body, and the turn is stopped inside OpenCode.
  await pipeline(Readable.fromWeb(body), response).catch(() => {})
}

async function bodyOf(request) {
  // Another website can make a browser post to us, but not JSON.
  if (request.headers['content-type'] !== 'application/json') throw new SyntaxError('The request is no JSON')
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
