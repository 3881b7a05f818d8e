// What a client written by hand has to know of each generation's API.

export const generations = {
  1: {
    eventPath: '/event',
    session: () => ({ path: '/session', body: {} }),
    sessionId: (answer) => answer.id,
    prompt: (id, text) => ({
      path: `/session/${id}/prompt_async`,
      body: { parts: [{ type: 'text', text }] },
    }),
    sessionOf: (event) => event.properties.sessionID,
    delta: 'message.part.delta',
    textOf: (event) => event.properties.delta,
    isOver: (event) => event.type === 'session.idle',
  },
  2: {
    eventPath: '/api/event',
    session: (directory) => ({ path: '/api/session', body: directory ? { location: { directory } } : {} }),
    sessionId: (answer) => answer.data.id,
    prompt: (id, text) => ({ path: `/api/session/${id}/prompt`, body: { text } }),
    sessionOf: (event) => event.data.sessionID,
    delta: 'session.text.delta',
    textOf: (event) => event.data.delta,
    isOver: (event) =>
      event.type.startsWith('session.execution.') && event.type !== 'session.execution.started',
  },
}

/** The headers that let a client in; a server of generation 2 always wants them. */
export function credentials({ username = 'opencode', password }) {
  if (password === undefined) return {}
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
}
