// Ours, through its public entry and nothing else.
import { createRequire } from 'node:module'

const { OpenCode } = createRequire(import.meta.url)('../../index.js')
const clients = new Map()

function client({ url, directory, username, password }) {
  if (!clients.has(url)) {
    const options = { mode: 'server', baseUrl: url, directory, username, password }
    clients.set(url, new OpenCode(options))
  }
  return clients.get(url)
}

/** @param read (stream, onText) => a promise of its end */
function turns(read, options) {
  return ({ server, turns, text, onText }) =>
    Promise.all(
      Array.from({ length: turns }, (_, turn) =>
        read(client(server).generateStream(text, options), (piece) => onText(piece, turn)),
      ),
    )
}

export const asText = turns(async (stream, onText) => {
  for await (const text of stream) onText(text)
})

export const asEvents = turns(async (stream, onText) => {
  for await (const event of stream.events) if (event.type === 'text-delta') onText(event.delta)
})

/** Every record of OpenCode crosses by itself; nothing is merged. */
export const asRaw = turns(
  async (stream, onText) => {
    for await (const { type, event } of stream.events) {
      if (type !== 'raw') continue
      if (event.type === 'message.part.delta') onText(event.properties.delta)
      else if (event.type === 'session.text.delta') onText(event.data.delta)
    }
  },
  { raw: true },
)
