// One real OpenCode and its scripted model for the tests of a file.
import { afterAll, beforeAll } from 'vitest'
import testing from '../../testing/index.js'

const { scriptedModel, startOpenCode } = testing

/**
 * Starts both before the tests and ends them after. What is returned is filled in by then:
 * `options()` are those of a turn on this server, `ask(path)` is the JSON of a GET.
 */
export function realOpenCode({ version, password, config, model } = {}) {
  const real = {
    model: undefined,
    server: undefined,
    options: (more = {}) => ({
      mode: 'server',
      baseUrl: real.server.url,
      directory: real.server.directory,
      ...(password && { password }),
      ...more,
    }),
    async ask(path, init = {}) {
      const url = new URL(path, real.server.url)
      url.searchParams.set('directory', real.server.directory)
      const headers = { 'content-type': 'application/json' }
      if (password) headers.authorization = `Basic ${btoa(`opencode:${password}`)}`
      const response = await fetch(url, { ...init, headers })
      return response.status === 204 ? undefined : response.json()
    },
    /** Whether OpenCode still works on the session. */
    async busy(sessionID) {
      const status = await real.ask('/session/status')
      return sessionID in status && status[sessionID].type !== 'idle'
    },
    /** The text OpenCode stored for the answers of a session. */
    async storedText(sessionID) {
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
