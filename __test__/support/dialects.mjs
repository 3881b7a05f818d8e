// What the two generations of OpenCode call the same things, for tests that hold for both.
import testing from '../../testing/index.js'

const { toolCall } = testing

/** The tools of a model, by generation: what they are called, and calls of them. */
export const dialects = {
  1: {
    shellTool: 'bash',
    shell: (command, more) => toolCall('bash', { command, description: 'a title' }, more),
    reads: (path) => toolCall('read', { filePath: path }),
    subagentTool: 'task',
    delegates: (prompt) => toolCall('task', { description: 'sub', prompt, subagent_type: 'general' }),
  },
  2: {
    shellTool: 'shell',
    shell: (command, more) => toolCall('shell', { command }, more),
    reads: (path) => toolCall('read', { path }),
    subagentTool: 'subagent',
    delegates: (prompt) => toolCall('subagent', { agent: 'general', description: 'sub', prompt }),
  },
}

const isSaid = ({ type, text }) => type === 'text' && text
const post = (body = {}) => ({ method: 'POST', body: JSON.stringify(body) })

/** What another client does at a server, by generation. `ask(path, init)` is the JSON of a request. */
export const otherClients = {
  1: (ask) => ({
    sessions: () => ask('/session'),
    session: (id) => ask(`/session/${id}`),
    newSession: async () => (await ask('/session', post())).id,
    prompt: (id, text) => ask(`/session/${id}/prompt_async`, post({ parts: [{ type: 'text', text }] })),
    abort: (id) => ask(`/session/${id}/abort`, post()),
    /** The messages of users and assistants, oldest first. */
    async messages(id) {
      const messages = await ask(`/session/${id}/message`)
      return messages.map(({ info, parts }) => ({ ...info, parts }))
    },
    /** The agent of a session, or of its first prompt. */
    async agentOf(id) {
      const messages = await ask(`/session/${id}/message`)
      return messages.find(({ info }) => info.role === 'user').info.agent
    },
    /** The permissions that wait for an answer. */
    asks: () => ask('/permission'),
    allow: ({ id }) => ask(`/permission/${id}/reply`, post({ reply: 'once' })),
    /** The sessions that OpenCode works on. */
    async active() {
      const status = await ask('/session/status')
      return Object.keys(status).filter((id) => status[id].type !== 'idle')
    },
  }),
  2: (ask) => ({
    sessions: async () => (await ask('/api/session?limit=200')).data,
    async session(id) {
      const { data } = await ask(`/api/session/${id}`)
      return { ...data, directory: data.location.directory }
    },
    newSession: async (directory) => (await ask('/api/session', post({ location: { directory } }))).data.id,
    prompt: (id, text) => ask(`/api/session/${id}/prompt`, post({ text, delivery: 'queue' })),
    abort: (id) => ask(`/api/session/${id}/interrupt`, post()),
    async messages(id) {
      const { data } = await ask(`/api/session/${id}/message?limit=200&order=asc`)
      return data
        .filter(({ type }) => type === 'user' || type === 'assistant')
        .map(({ type, content, ...message }) => ({ ...message, role: type, parts: content ?? [] }))
    },
    agentOf: async (id) => (await ask(`/api/session/${id}`)).data.agent,
    asks: async () => (await ask('/api/permission/request')).data,
    allow: ({ id, sessionID }) =>
      ask(`/api/session/${sessionID}/permission/${id}/reply`, post({ decision: 'once' })),
    active: async () => Object.keys((await ask('/api/session/active')).data),
  }),
}

/** The text of the answers in `messages`. */
export const answersIn = (messages) =>
  messages
    .filter(({ role }) => role === 'assistant')
    .flatMap(({ parts }) => parts.filter(isSaid).map(({ text }) => text))
    .join('\n\n')
