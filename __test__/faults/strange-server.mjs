// What the real OpenCode does not do: a server that answers as little of its API as a turn needs, and says whatever
// a test wants on its event stream.
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'

/**
 * `answers` are handlers by path, which come before its own; `records` is what follows the greeting; `tls` a key and a
 * certificate.
 */
export async function strangeServer({ answers = {}, records = () => [], tls } = {}) {
  const prompts = []
  let stream
  const json = (response, value) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  const say = (record) =>
    stream.write(typeof record === 'string' ? record : `data: ${JSON.stringify(record)}\n\n`)
  const known = {
    '/global/health': (_, response) => json(response, { healthy: true, version: '1.18.33' }),
    '/event': (_, response) => {
      stream = response.writeHead(200, { 'content-type': 'text/event-stream' })
      say({ type: 'server.connected', properties: {} })
    },
    '/session': (_, response) => {
      say({ type: 'session.created', properties: { info: { id: 'ses_1', title: 't' } } })
      json(response, { id: 'ses_1', title: 't' })
    },
    '/session/ses_1/prompt_async': (_, response) => {
      prompts.push(1)
      response.writeHead(204).end()
      for (const record of records()) say(record)
    },
    '/session/status': (_, response) => json(response, {}),
    '/session/ses_1/message': (_, response) => json(response, []),
    '/session/ses_1/children': (_, response) => json(response, []),
    '/session/ses_1/abort': (_, response) => json(response, true),
    '/permission': (_, response) => json(response, []),
    '/question': (_, response) => json(response, []),
  }
  const handle = (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    const answer = answers[pathname] ?? known[pathname]
    if (answer) answer(request, response)
    else response.writeHead(404, { 'content-type': 'application/json' }).end('{}')
  }
  const server = tls ? createSecureServer(tls, handle) : createServer(handle)
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http${tls ? 's' : ''}://127.0.0.1:${server.address().port}`,
    prompts,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** A whole turn that says `text`, as events. */
export function turnSaying(text) {
  const at = { sessionID: 'ses_1', messageID: 'msg_2' }
  const message = (info) => ({
    type: 'message.updated',
    properties: { info: { sessionID: 'ses_1', ...info } },
  })
  const part = (more) => ({
    type: 'message.part.updated',
    properties: { part: { id: 'prt_1', ...at, type: 'text', ...more } },
  })
  const answer = { id: 'msg_2', role: 'assistant', parentID: 'msg_1' }
  return [
    message({ id: 'msg_1', role: 'user' }),
    { type: 'session.status', properties: { sessionID: 'ses_1', status: { type: 'busy' } } },
    message(answer),
    part({ text: '', time: { start: 1 } }),
    { type: 'message.part.delta', properties: { ...at, partID: 'prt_1', field: 'text', delta: text } },
    part({ text, time: { start: 1, end: 2 } }),
    message({ ...answer, finish: 'stop', time: { created: 1, completed: 2 } }),
    { type: 'session.idle', properties: { sessionID: 'ses_1' } },
  ]
}
