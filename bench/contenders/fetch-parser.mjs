// What most people write: fetch, and eventsource-parser over its body.
import { createParser } from 'eventsource-parser'

export async function listen(url, signal, onEvent) {
  const response = await fetch(`${url}/event`, { signal, headers: { accept: 'text/event-stream' } })
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
