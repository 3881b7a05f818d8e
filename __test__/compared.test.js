// What README.md says of OpenCode's own SDK, tried on the release that we develop with.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { createOpencodeClient } from '@opencode-ai/sdk'
import { afterEach, expect, it } from 'vitest'

let server
afterEach(() => server?.close())

/** A client of a server that does this and no more. */
async function clientOf(handler) {
  const requests = []
  server = createServer((request, response) => {
    requests.push(request.url)
    handler(response, requests.length)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  return { client: createOpencodeClient({ baseUrl: `http://127.0.0.1:${port}` }), requests }
}

it('`event.subscribe()` asks for nothing before its stream is first pulled from', async () => {
  const { client, requests } = await clientOf((response) => response.end('data: {"type":"first"}\n\n'))
  const { stream } = await client.event.subscribe()
  await new Promise((resolve) => setImmediate(resolve))
  expect(requests).toEqual([])
  expect((await stream.next()).value).toEqual({ type: 'first' })
  expect(requests).toEqual(['/event'])
})

it('its stream ends without a word where the connection ends, whatever the session is at', async () => {
  const delta = { type: 'message.part.delta', properties: { delta: 'Hel' } }
  const { client } = await clientOf((response) => response.end(`data: ${JSON.stringify(delta)}\n\n`))
  const { stream } = await client.event.subscribe()
  const events = []
  for await (const event of stream) events.push(event)
  expect(events).toEqual([delta])
})

it('a refusal is tried again and again, and told to nobody who does not listen for it', async () => {
  const { client, requests } = await clientOf((response, attempt) => {
    response.statusCode = attempt < 4 ? 401 : 200
    response.end('data: {"type":"let in"}\n\n')
  })
  const { stream } = await client.event.subscribe({ sseDefaultRetryDelay: 1 })
  expect((await stream.next()).value).toEqual({ type: 'let in' })
  expect(requests).toHaveLength(4)
})

it('it is for `import` alone', () => {
  const require = createRequire(import.meta.url)
  expect(() => require.resolve('@opencode-ai/sdk')).toThrow(/exports/)
  const { dependencies } = JSON.parse(
    readFileSync(new URL('../node_modules/@opencode-ai/sdk/package.json', import.meta.url), 'utf8'),
  )
  expect(Object.keys(dependencies)).toEqual(['cross-spawn'])
})
