// One real OpenCode and its scripted model for the tests of a file.
import { afterAll, beforeAll } from 'vitest'
import testing from '../../testing/index.js'

const { scriptedModel, startOpenCode } = testing

/**
 * Starts both before the tests and ends them after. What is returned is filled in by then:
 * `options()` are those of a turn on this server, `ask(path)` is the JSON of a GET.
 */
export function realOpenCode({ version, password, config, model } = {}) {
  const second = version?.startsWith('2.')
  const real = {
    generation: second ? 2 : 1,
    model: undefined,
    server: undefined,
    options: (more = {}) => ({
      mode: 'server',
      baseUrl: real.server.url,
      directory: real.server.directory,
      ...(real.server.password && { password: real.server.password }),
      ...more,
    }),
    async ask(path, init = {}) {
      const url = new URL(path, real.server.url)
      url.searchParams.set(second ? 'location[directory]' : 'directory', real.server.directory)
      const headers = { 'content-type': 'application/json' }
      const { password } = real.server
      if (password) headers.authorization = `Basic ${btoa(`opencode:${password}`)}`
      const response = await fetch(url, { ...init, headers })
      return response.status === 204 || response.headers.get('content-length') === '0'
        ? undefined
        : response.json()
    },
    /** The sessions that OpenCode works on. */
    async active() {
      if (second) return Object.keys((await real.ask('/api/session/active')).data)
      const status = await real.ask('/session/status')
      return Object.keys(status).filter((id) => status[id].type !== 'idle')
    },
    /** Whether OpenCode still works on the session. */
    async busy(sessionID) {
      return (await real.active()).includes(sessionID)
    },
    /** The text OpenCode stored for the answers of a session. */
    async storedText(sessionID) {
      if (second) {
        const { data } = await real.ask(`/api/session/${sessionID}/message?limit=200`)
        const parts = data.reverse().flatMap(({ type, content }) => (type === 'assistant' ? content : []))
        return parts.flatMap(({ type, text }) => (type === 'text' && text ? [text] : [])).join('\n\n')
      }
      const messages = await real.ask(`/session/${sessionID}/message`)
      return messages
        .filter(({ info }) => info.role === 'assistant')
        .flatMap(({ parts }) => parts.filter(({ type, text }) => type === 'text' && text))
        .map(({ text }) => text)
        .join('\n\n')
    },
  }
  beforeAll(async () => {
    real.model = await scriptedModel(model && { model })
    if (config) real.model.env.OPENCODE_CONFIG_CONTENT = JSON.stringify({ ...real.model.config, ...config })
    real.server = await startOpenCode({ version, model: real.model, password })
  })
  afterAll(async () => {
    await real.server?.stop()
    await real.model?.close()
  })
  return real
}

/** Waits until `check` is true, looking again and again; bounded by the test's own timeout. */
export async function until(check) {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 20))
}
