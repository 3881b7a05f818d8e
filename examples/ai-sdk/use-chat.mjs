// The route that `useChat` posts to: `node use-chat.mjs` (Node 22). The session belongs to the chat, as metadata.
import { serve } from '@hono/node-server'
import { convertToModelMessages, streamText } from 'ai'
import { Hono } from 'hono'
import { opencode } from 'opencode-stream/ai-sdk'

const app = new Hono()

app.post('/api/chat', async (c) => {
  // Another website can make a browser post to us, but not JSON.
  if (c.req.header('content-type') !== 'application/json') return c.body(null, 415)
  const { messages } = await c.req.json()
  const sessionID = messages.findLast(({ role }) => role === 'assistant')?.metadata?.sessionID
  const result = streamText({
    model: opencode({ permission: 'reject', question: 'reject' }),
    messages: await convertToModelMessages(messages),
    abortSignal: c.req.raw.signal,
    providerOptions: sessionID && { opencode: { sessionID } },
  })
  return result.toUIMessageStreamResponse({
    messageMetadata: ({ part }) =>
      part.type === 'finish-step' ? { sessionID: part.providerMetadata?.opencode?.sessionID } : undefined,
  })
})

// On loopback only: who reaches it can have OpenCode work in this directory.
serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`http://127.0.0.1:${port}`)
})
