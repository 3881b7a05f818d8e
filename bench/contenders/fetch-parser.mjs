// What most people write: fetch, and eventsource-parser over its body.
import { createParser } from 'eventsource-parser'

export async function listen({ url, headers, generation }, signal, onEvent) {
  const response = await fetch(url + generation.eventPath, {
    signal,
    headers: { ...headers, accept: 'text/event-stream' },
  })
  let goesOn = true
  const parser = createParser({
    onEvent: ({ data }) => {
      if (goesOn) goesOn = onEvent(JSON.parse(data)) !== false
    },
  })
  const decoder = new TextDecoder()
  for await (const bytes of response.body) {
    parser.feed(decoder.decode(bytes, { stream: true }))
    if (!goesOn) return
  }
}

export { createSession, prompt } from './over-fetch.mjs'
