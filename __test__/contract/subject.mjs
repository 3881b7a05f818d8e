// A route of a release, ready for turns: the scripted model behind it, and the options that lead there.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { OpenCode } from '../../index.js'
import testing from '../../testing/index.js'
import { processesMarked } from '../support/processes.mjs'

const { opencodeBinary, scriptedModel, startOpenCode } = testing

/**
 * Filled in before the tests: `model`, `directory`, `client`, `options(more)`; and `processes()`, which run now for a
 * turn alone.
 */
export function subject(route, version) {
  const it = {
    processes: () => [],
    options: (more) => ({ ...it.base, timeouts: { total: 60_000 }, ...more }),
  }
  let server
  beforeAll(async () => {
    it.model = await scriptedModel({ model: { limit: { context: 60_000, output: 8000 } } })
    it.directory = realpathSync(mkdtempSync(join(tmpdir(), 'contract-')))
    it.client = new OpenCode()
    if (route === 'server') {
      server = await startOpenCode({ version, model: it.model, directory: it.directory })
      const { url: baseUrl, password } = server
      it.base = { mode: 'server', baseUrl, ...(password && { password }), directory: it.directory }
      return
    }
    // A server goes on between turns.
    if (route !== 'private') it.processes = () => processesMarked(`HOME=${it.model.env.HOME}\0`)
    const own = { cliPath: await opencodeBinary(version), env: it.model.env, directory: it.directory }
    it.base =
      route === 'private'
        ? { mode: 'server', autostart: true, ...own }
        : { mode: 'cli', cliProtocol: route, ...own }
  })
  afterAll(async () => {
    await it.client?.close()
    await server?.stop()
    await it.model?.close()
    if (it.directory) rmSync(it.directory, { recursive: true, force: true })
  })
  return it
}
