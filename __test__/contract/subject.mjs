// A route of a release, ready for turns: the scripted model behind it, and the options that lead there.
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { OpenCode } from '../../index.js'
import testing from '../../testing/index.js'
import { processesMarked } from '../support/processes.mjs'

const { opencodeBinary, scriptedModel, startOpenCode } = testing

/**
 * Filled in before the tests: `model`, `directory`, `client`, `options(more)`; `processes()`, which run now for a turn
 * alone; `doomed()`: `options` of what runs the next turn, and `kill()` for it; and, where there is a server, `serving()`:
 * its `url`, and `headers` that open it.
 */
export function subject(route, version) {
  const it = {
    processes: () => [],
    options: (more) => ({ ...it.base, timeouts: { total: 60_000 }, ...more }),
  }
  let server
  let doomed
  beforeAll(async () => {
    it.model = await scriptedModel({ model: { limit: { context: 60_000, output: 8000 } } })
    it.directory = realpathSync(mkdtempSync(join(tmpdir(), 'contract-')))
    it.client = new OpenCode()
    if (route === 'server') {
      server = await startOpenCode({ version, model: it.model, directory: it.directory })
      const { url: baseUrl, password } = server
      it.base = { mode: 'server', baseUrl, ...(password && { password }), directory: it.directory }
      const authorization = `Basic ${btoa(`opencode:${password}`)}`
      it.serving = () => ({ url: baseUrl, headers: password ? { authorization } : {} })
      it.doomed = async () => {
        doomed ??= await startOpenCode({ version, model: it.model, directory: it.directory })
        const timeouts = { total: 60_000, reconnect: 1000 }
        const { url, password } = doomed
        return {
          options: { baseUrl: url, ...(password && { password }), timeouts },
          kill: () => doomed.kill('SIGKILL'),
        }
      }
      return
    }
    const marked = () => processesMarked(`HOME=${it.model.env.HOME}\0`)
    // A server goes on between turns.
    if (route !== 'private') it.processes = marked
    else it.serving = () => doorOf(marked().find(isServer))
    it.doomed = async () => ({ kill: () => marked().forEach(kill) })
    const own = { cliPath: await opencodeBinary(version), env: it.model.env, directory: it.directory }
    it.base =
      route === 'private'
        ? { mode: 'server', autostart: true, ...own }
        : { mode: 'cli', cliProtocol: route, ...own }
  })
  afterAll(async () => {
    await it.client?.close()
    await doomed?.stop()
    await server?.stop()
    await it.model?.close()
    if (it.directory) rmSync(it.directory, { recursive: true, force: true })
  })
  return it
}

const isServer = ({ line }) => line.startsWith('/') && line.includes(' serve ')

/** Where a server of ours listens, and the password that it was started with. */
function doorOf({ pid, line }) {
  const [, port] = / --port[ =](\d+)/.exec(line)
  const [, password] = /(?:^|\0)OPENCODE_SERVER_PASSWORD=([^\0]*)/.exec(
    readFileSync(`/proc/${pid}/environ`, 'utf8'),
  )
  return {
    url: `http://127.0.0.1:${port}`,
    headers: { authorization: `Basic ${btoa(`opencode:${password}`)}` },
  }
}

function kill({ pid }) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}
