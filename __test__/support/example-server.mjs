// A server of examples/, running on a real OpenCode: `{ url, post(), close() }`.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'

/** Resolves when it has printed its address. */
export async function startExample(words, { cwd, opencode, env }) {
  const { url: OPENCODE_SERVER_URL, password } = opencode
  const credentials = password === undefined ? {} : { OPENCODE_SERVER_PASSWORD: password }
  const child = spawn(process.execPath, words, {
    cwd,
    env: { ...process.env, OPENCODE_SERVER_URL, ...credentials, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await new Promise((resolve, reject) => {
    let printed = ''
    child.stdout.on('data', (bytes) => {
      printed += bytes
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0]
      if (address) resolve(address)
    })
    child.once('close', (code) => reject(new Error(`${words.join(' ')} ended with ${code}: ${printed}`)))
  })
  return {
    url,
    /** A turn, as the chat page asks for it. */
    post: (body, more) =>
      fetch(`${url}/chat`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        ...more,
      }),
    /** The status of a post with headers that fetch() would not send. */
    async statusOf(body, headers) {
      const options = { method: 'POST', headers: { 'content-type': 'application/json', ...headers } }
      const [response] = await once(request(`${url}/chat`, options).end(JSON.stringify(body)), 'response')
      response.resume()
      return response.statusCode
    },
    async close() {
      const closed = once(child, 'close')
      child.kill()
      await closed
    },
  }
}

/** The events of a response, as they come. */
export async function* eventsOf({ body }) {
  let unread = ''
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const records = (unread + text).split('\n\n')
    unread = records.pop()
    for (const record of records) {
      const data = /^data: (.*)$/m.exec(record)?.[1]
      // The AI SDK ends its streams with a record that is no JSON.
      if (data && data !== '[DONE]') yield JSON.parse(data)
    }
  }
}
