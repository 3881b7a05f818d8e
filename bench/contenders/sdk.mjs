// OpenCode's own client, as its documentation shows it. It speaks the API of generation 1; the client of
// generation 2 is not on npm.
import { createOpencodeClient } from '@opencode-ai/sdk'

const clients = new Map()

function client(url) {
  if (!clients.has(url)) clients.set(url, createOpencodeClient({ baseUrl: url }))
  return clients.get(url)
}

export async function listen({ url }, signal, onEvent) {
  const { stream } = await client(url).event.subscribe({ signal, sseMaxRetryAttempts: 1 })
  for await (const event of stream) if (onEvent(event) === false) return
}

export async function createSession({ url }) {
  return (await client(url).session.create({ body: {} })).data.id
}

export async function prompt({ url }, id, text) {
  await client(url).session.promptAsync({ path: { id }, body: { parts: [{ type: 'text', text }] } })
}
