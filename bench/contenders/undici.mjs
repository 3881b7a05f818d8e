// The least that JavaScript can do: undici without fetch, bytes split at blank lines by hand.
import { Agent, request } from 'undici'

// One connection for each stream, and none of them held back by another's answer.
const dispatcher = new Agent({ connections: null, pipelining: 1, bodyTimeout: 0 })

const DATA = 'd'.charCodeAt(0)

export async function listen({ url, headers, generation }, signal, onEvent) {
  const { body } = await request(url + generation.eventPath, { dispatcher, signal, headers })
  body.on('error', () => {})
  let rest = null
  for await (const chunk of body) {
    let bytes = rest === null ? chunk : Buffer.concat([rest, chunk])
    let from = 0
    for (;;) {
      const end = bytes.indexOf('\n\n', from)
      if (end === -1) break
      // The rest are comments: heartbeats of OpenCode 2.
      if (bytes[from] === DATA && onEvent(JSON.parse(bytes.toString('utf8', from + 6, end))) === false) return
      from = end + 2
    }
    rest = from === bytes.length ? null : bytes.subarray(from)
    bytes = null
  }
}

async function post(target, { path, body }) {
  const answer = await request(target.url + path, {
    dispatcher,
    method: 'POST',
    headers: { ...target.headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return answer.body.text()
}

export async function createSession(target) {
  const { session, sessionId } = target.generation
  return sessionId(JSON.parse(await post(target, session(target.directory))))
}

export async function prompt(target, id, text) {
  await post(target, target.generation.prompt(id, text))
}
