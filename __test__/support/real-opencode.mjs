// One real OpenCode and its scripted model for the tests of a file.
import { afterAll, beforeAll } from 'vitest'
import testing from '../../testing/index.js'
import { answersIn, otherClients } from './dialects.mjs'

const { scriptedModel, startOpenCode } = testing

/**
 * Starts both before the tests and ends them after. What is returned is filled in by then:
 * `options()` are those of a turn on this server, `ask(path)` is the JSON of a GET, and what another client can do is
 * that of `otherClients`.
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
    /** Whether OpenCode still works on the session. */
    async busy(sessionID) {
      return (await real.active()).includes(sessionID)
    },
    /** The text OpenCode stored for the answers of a session. */
    async storedText(sessionID) {
      return answersIn(await real.messages(sessionID))
    },
  }
  const other = otherClients[real.generation](real.ask)
  Object.assign(real, other, { newSession: () => other.newSession(real.server.directory) })
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
