// OpenCode 2 by hand, for tests of the kit: a client that knows only what a test asks it.

/** Speaks to a server of `startOpenCode({ version: '2.…' })`. */
export async function clientOf(server, { password = server.password } = {}) {
  const headers = { 'content-type': 'application/json' }
  if (password) headers.authorization = `Basic ${btoa(`opencode:${password}`)}`
  const call = (method, path, body) =>
    fetch(new URL(path, server.url), { method, headers, body: body && JSON.stringify(body) })
  const data = async (method, path, body) => (await (await call(method, path, body)).json()).data
  return {
    call,
    data,
    session: () => data('POST', '/api/session', { location: { directory: server.directory } }),
    prompt: (session, text) => data('POST', `/api/session/${session}/prompt`, { text, delivery: 'queue' }),
    /** The events of the server from now on. */
    async events() {
      const response = await call('GET', '/api/event')
      const events = records(response.body)
      // Whoever prompts before this has come may miss what follows.
      const { value } = await events.next()
      if (value.type !== 'server.connected') throw new Error(`The first event is ${value.type}.`)
      return events
    },
  }
}

async function* records(body) {
  let unread = ''
  for await (const bytes of body.pipeThrough(new TextDecoderStream())) {
    const whole = (unread + bytes).split('\n\n')
    unread = whole.pop()
    for (const record of whole) if (record.startsWith('data: ')) yield JSON.parse(record.slice(6))
  }
}

/** Reads `events` until the execution of `session` is over; `onDelta` sees each batch of text. */
export async function untilOver(events, session, onDelta = () => {}) {
  for await (const { type, data } of events) {
    if (data?.sessionID !== session) continue
    if (type === 'session.text.delta') onDelta(data.delta)
    if (/^session\.execution\.(succeeded|failed|interrupted)$/.test(type)) return type.split('.').pop()
  }
  throw new Error('The events ended before the turn.')
}
