// As much of OpenCode's server as several turns on several sessions need. A test bends it by `hook`, which sees every
// request first and returns true for one it has answered, and plays the turns by `onPrompt`.
import { createServer } from 'node:http'

let count = 0
const newId = (prefix) => `${prefix}_${(++count).toString(16).padStart(12, '0')}test`

export const json = (response, value, status = 200) => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  return true
}

export async function smallOpenCode({ hook, onPrompt, host = '127.0.0.1', port = 0 } = {}) {
  const streams = new Set()
  const log = []
  const sessions = new Map()
  const busy = new Set()
  const sendRecord = (record) => {
    for (const stream of streams) stream.write(`data: ${record}\n\n`)
  }
  const send = (type, properties) => sendRecord(JSON.stringify({ type, properties }))
  const at = ({ sessionID, id }) => ({ sessionID, messageID: id })
  const opencode = {
    log,
    sessions,
    busy,
    send,
    sendRecord,
    count: (pattern, method = 'POST') =>
      log.filter((request) => request.method === method && pattern.test(request.path)).length,
    newSession(more) {
      const info = { id: newId('ses'), directory: '/', title: 't', ...more }
      sessions.set(info.id, { info, messages: [] })
      return info
    },
    /** A prompt of that text is stored, and its answer begins. */
    begin(sessionID, text) {
      const user = { info: { id: newId('msg'), sessionID, role: 'user' }, parts: [] }
      user.parts.push({ id: newId('prt'), ...at(user.info), type: 'text', text })
      const info = {
        id: newId('msg'),
        sessionID,
        role: 'assistant',
        parentID: user.info.id,
        time: { created: 1 },
      }
      const turn = { info, parts: [] }
      sessions.get(sessionID)?.messages.push(user, turn)
      busy.add(sessionID)
      send('message.updated', { info: user.info })
      send('message.part.updated', { part: user.parts[0] })
      send('session.status', { sessionID, status: { type: 'busy' } })
      send('message.updated', { info })
      return turn
    },
    say(turn, text) {
      const part = { id: newId('prt'), ...at(turn.info), type: 'text', text: '', time: { start: 1 } }
      send('message.part.updated', { part })
      send('message.part.delta', { ...at(turn.info), partID: part.id, field: 'text', delta: text })
      turn.parts.push({ ...part, text, time: { start: 1, end: 2 } })
      send('message.part.updated', { part: turn.parts.at(-1) })
    },
    end(turn, more = { finish: 'stop' }) {
      Object.assign(turn.info, more, { time: { created: 1, completed: 2 } })
      busy.delete(turn.info.sessionID)
      send('message.updated', { info: turn.info })
      send('session.idle', { sessionID: turn.info.sessionID })
    },
  }
  const play = (sessionID, text) => {
    const turn = opencode.begin(sessionID, text)
    opencode.say(turn, `answer to ${text}`)
    opencode.end(turn)
  }

  const listen = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"type":"server.connected","properties":{}}\n\n')
    streams.add(response)
    response.on('close', () => streams.delete(response))
  }
  const ofSession = (response, method, [, id, what], body) => {
    const session = sessions.get(id)
    if (!session) return json(response, { name: 'NotFoundError', data: { message: 'no such session' } }, 404)
    if (what === 'prompt_async') {
      response.writeHead(204).end()
      return (onPrompt ?? play)(id, JSON.parse(body).parts[0].text, opencode)
    }
    if (what === 'message') return json(response, session.messages)
    if (what === 'children') return json(response, [])
    if (what === 'abort') {
      const turn = session.messages.at(-1)
      if (busy.has(id))
        opencode.end(turn, { error: { name: 'MessageAbortedError', data: { message: 'aborted' } } })
      return json(response, true)
    }
    if (what === 'fork') return json(response, opencode.newSession({ title: 'made' }))
    if (method === 'DELETE') return json(response, sessions.delete(id))
    if (method === 'PATCH') send('session.updated', { info: session.info })
    return json(response, session.info)
  }
  const answer = (request, response, { path, match, body }) => {
    if (path === '/event') return listen(response)
    if (path === '/global/health') return json(response, { healthy: true, version: '1.18.33' })
    if (path === '/session' && request.method === 'POST') {
      const info = opencode.newSession({ title: 'made' })
      json(response, info)
      return send('session.created', { info })
    }
    if (path === '/session/status') {
      return json(response, Object.fromEntries([...busy].map((id) => [id, { type: 'busy' }])))
    }
    if (match) return ofSession(response, request.method, match, body)
    if (path === '/permission' || path === '/question') return json(response, [])
    return json(response, { name: 'NotFound' }, 404)
  }
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const url = new URL(request.url, 'http://server')
    const path = url.pathname
    const match = /^\/session\/(?!status$)([^/]+)(?:\/(.*))?$/.exec(path)
    const about = { path, url, match, body, opencode }
    log.push({ method: request.method, path, headers: request.headers })
    if (!(await hook?.(request, response, about))) answer(request, response, about)
  })
  server.listen(port, host)
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://${host}:${server.address().port}`
  return Object.assign(opencode, {
    server,
    url,
    options: { mode: 'server', baseUrl: url, directory: '/' },
    close() {
      server.closeAllConnections()
      server.close()
    },
  })
}
