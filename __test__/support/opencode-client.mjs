// The smallest client there can be, so that the testing kit is proven without the package it is for.

/** A session of a started OpenCode. `prompt` resolves with all that one turn put on the wire. */
export async function openSession(server) {
  const call = (path, body) => request(server, path, body)
  const events = await subscribe(server)
  const prompts = new Set()
  const { id } = await call('/session', {})
  return {
    id,
    read: () => call(`/session/${id}`),
    abort: () => call(`/session/${id}/abort`, {}),
    close: () => events.close(),
    async prompt(text, onDelta) {
      const turn = watchTurn(events, id, prompts, onDelta)
      await call(`/session/${id}/prompt_async`, { parts: [{ type: 'text', text }] })
      return turn
    },
  }
}

async function request(server, path, body) {
  const response = await fetch(`${server.url}${path}?directory=${encodeURIComponent(server.directory)}`, {
    method: body ? 'POST' : 'GET',
    headers: { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
  return text ? JSON.parse(text) : undefined
}

/**
 * Events of one turn until it is idle and its last message complete, in both delta dialects. `prompts` holds the
 * user messages of earlier turns, which OpenCode updates again when their titles and diffs are done.
 */
function watchTurn(events, sessionID, prompts, onDelta = () => {}) {
  const turn = { deltas: [], text: [], reasoning: [], tools: [], errors: [] }
  const kind = new Map()
  const seen = { user: undefined, completed: false, idle: false }
  const deltaOf = (partID, delta) => {
    turn[kind.get(partID)]?.push(delta)
    turn.deltas.push(delta)
    onDelta(delta)
  }
  const handlers = {
    'message.updated': ({ info }) => {
      if (info.role === 'user' && !prompts.has(info.id)) {
        prompts.add(info.id)
        seen.user = info.id
      }
      if (seen.user && info.parentID === seen.user)
        seen.completed = Boolean(info.time.completed) && info.finish !== 'tool-calls'
    },
    'message.part.updated': ({ part, delta }) => {
      kind.set(part.id, part.type)
      if (delta !== undefined) deltaOf(part.id, delta)
      if (part.type === 'tool' && part.state.status === 'completed') turn.tools.push(part)
    },
    'message.part.delta': ({ partID, delta }) => deltaOf(partID, delta),
    'session.error': ({ error }) => turn.errors.push(error),
    'session.idle': () => {
      seen.idle = seen.user !== undefined
    },
  }
  return new Promise((resolve) => {
    const stop = events.on(({ type, properties }) => {
      const { info, part } = properties ?? {}
      if ((properties?.sessionID ?? info?.sessionID ?? part?.sessionID) !== sessionID) return
      handlers[type]?.(properties)
      if (!seen.idle || !seen.completed) return
      stop()
      resolve(turn)
    })
  })
}

/** 1.14.48 sends nothing to /event; /global/event has everything in every release. */
async function subscribe(server) {
  const leave = new AbortController()
  const { body } = await fetch(`${server.url}/global/event`, { signal: leave.signal })
  const listeners = new Set()
  const reading = (async () => {
    let rest = ''
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      const records = (rest + text).split('\n\n')
      rest = records.pop()
      for (const record of records) {
        const { payload } = JSON.parse(record.slice('data: '.length))
        for (const listener of [...listeners]) listener(payload)
      }
    }
  })()
  reading.catch((error) => leave.signal.aborted || Promise.reject(error))
  return {
    on(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => leave.abort(),
  }
}
