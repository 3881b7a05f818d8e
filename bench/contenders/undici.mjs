// The least that JavaScript can do: undici without fetch, bytes split at blank lines by hand.
import { Agent, request } from 'undici'

// One connection for each stream, and none of them held back by another's answer.
const dispatcher = new Agent({ connections: null, pipelining: 1, bodyTimeout: 0 })

export async function listen(url, signal, onEvent) {
  const { body } = await request(`${url}/event`, { dispatcher, signal })
  body.on('error', () => {})
  let rest = null
  for await (const chunk of body) {
    let bytes = rest === null ? chunk : Buffer.concat([rest, chunk])
    let from = 0
    for (;;) {
      const end = bytes.indexOf('\n\n', from)
      if (end === -1) break
      if (onEvent(JSON.parse(bytes.toString('utf8', from + 6, end))) === false) return
      from = end + 2
    }
    rest = from === bytes.length ? null : bytes.subarray(from)
    bytes = null
  }
}

async function post(url, body) {
  const headers = { 'content-type': 'application/json' }
  const answer = await request(url, { dispatcher, method: 'POST', headers, body: JSON.stringify(body) })
  return answer.body.text()
}

export async function createSession(url) {
  return JSON.parse(await post(`${url}/session`, {})).id
}

export async function prompt(url, id, text) {
  await post(`${url}/session/${id}/prompt_async`, { parts: [{ type: 'text', text }] })
}
