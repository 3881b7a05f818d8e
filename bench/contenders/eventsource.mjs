// The EventSource of browsers, for Node.
import { EventSource } from 'eventsource'

export function listen({ url, generation }, signal, onEvent) {
  return new Promise((resolve) => {
    const source = new EventSource(url + generation.eventPath)
    const end = () => {
      source.close()
      resolve()
    }
    signal?.addEventListener('abort', end)
    source.onmessage = ({ data }) => {
      if (onEvent(JSON.parse(data)) === false) end()
    }
  })
}

export { createSession, prompt } from './over-fetch.mjs'
