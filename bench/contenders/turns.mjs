// Turns on a library that knows only events: each turn takes its own session's from what it hears.

/** Each turn listens on a connection of its own, as the SDK's users do. */
export function onOwnConnections(peer) {
  return ({ url, turns, text, onText }) =>
    Promise.all(Array.from({ length: turns }, (_, turn) => oneTurn(peer, url, text, turn, onText)))
}

async function oneTurn(peer, url, text, turn, onText) {
  const stop = new AbortController()
  let session
  await peer.listen(url, stop.signal, ({ type, properties }) => {
    if (type === 'server.connected') {
      // Listening comes first: an answer may be quicker than we.
      peer.createSession(url).then((id) => {
        session = id
        return peer.prompt(url, id, text)
      })
    } else if (properties.sessionID === session) {
      if (type === 'message.part.delta') onText(properties.delta, turn)
      else if (type === 'session.idle') {
        queueMicrotask(() => stop.abort())
        return false
      }
    }
  })
}

/** One connection for all turns, told apart in JavaScript. */
export function onOneConnection(peer) {
  return async ({ url, turns, text, onText }) => {
    const stop = new AbortController()
    const numbers = new Map()
    let running = turns
    await peer.listen(url, stop.signal, ({ type, properties }) => {
      if (type === 'server.connected') {
        for (let turn = 0; turn < turns; turn++) {
          peer.createSession(url).then((id) => {
            numbers.set(id, turn)
            return peer.prompt(url, id, text)
          })
        }
        return
      }
      const turn = numbers.get(properties.sessionID)
      if (turn === undefined) return
      if (type === 'message.part.delta') onText(properties.delta, turn)
      else if (type === 'session.idle' && --running === 0) {
        queueMicrotask(() => stop.abort())
        return false
      }
    })
  }
}
