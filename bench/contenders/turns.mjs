// Turns on a library that knows only events: each turn takes its own session's from what it hears.

import { credentials, generations } from './generations.mjs'

/** Each turn listens on a connection of its own, as the SDK's users do. */
export function onOwnConnections(peer) {
  return ({ server, turns, text, onText }) =>
    Promise.all(Array.from({ length: turns }, (_, turn) => oneTurn(client(peer, server), text, turn, onText)))
}

/** A peer, and the server it talks to. */
function client(peer, server) {
  const generation = generations[server.generation]
  const target = { url: server.url, headers: credentials(server), directory: server.directory, generation }
  return {
    generation,
    listen: (signal, onEvent) => peer.listen(target, signal, onEvent),
    createSession: () => peer.createSession(target),
    prompt: (id, text) => peer.prompt(target, id, text),
  }
}

async function oneTurn({ generation, listen, createSession, prompt }, text, turn, onText) {
  const { sessionOf, delta, textOf, isOver } = generation
  const stop = new AbortController()
  let session
  await listen(stop.signal, (event) => {
    if (event.type === 'server.connected') {
      // Listening comes first: an answer may be quicker than we.
      createSession().then((id) => {
        session = id
        return prompt(id, text)
      })
    } else if (sessionOf(event) === session) {
      if (event.type === delta) onText(textOf(event), turn)
      else if (isOver(event)) {
        queueMicrotask(() => stop.abort())
        return false
      }
    }
  })
}

/** One connection for all turns, told apart in JavaScript. */
export function onOneConnection(peer) {
  return async ({ server, turns, text, onText }) => {
    const { generation, listen, createSession, prompt } = client(peer, server)
    const { sessionOf, delta, textOf, isOver } = generation
    const stop = new AbortController()
    const numbers = new Map()
    let running = turns
    await listen(stop.signal, (event) => {
      if (event.type === 'server.connected') {
        for (let turn = 0; turn < turns; turn++) {
          createSession().then((id) => {
            numbers.set(id, turn)
            return prompt(id, text)
          })
        }
        return
      }
      const turn = numbers.get(sessionOf(event))
      if (turn === undefined) return
      if (event.type === delta) onText(textOf(event), turn)
      else if (isOver(event) && --running === 0) {
        queueMicrotask(() => stop.abort())
        return false
      }
    })
  }
}
