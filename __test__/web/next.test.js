// examples/next: the route handler in a running Next, with the package installed as a user has it.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startExample } from '../support/example-server.mjs'
import { installPackage } from '../support/installed.mjs'
import { installFolder } from '../support/installed-folder.mjs'
import { realOpenCode } from '../support/real-opencode.mjs'
import { whatAServerDoes } from './what-a-server-does.mjs'

const path = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const EXAMPLE = path('examples/next')

beforeAll(async () => {
  await installFolder(EXAMPLE)
  // In the place of a link to this repository: Next leaves to Node only what is inside node_modules.
  installPackage(join(EXAMPLE, 'node_modules'))
})

describe.each(['1.18.33', '2.0.15'])('examples/next, with OpenCode %s', (version) => {
  const real = realOpenCode({ version })
  let server
  beforeAll(async () => {
    server = await startExample(
      [join(EXAMPLE, 'node_modules/next/dist/bin/next'), 'dev', '-H', '127.0.0.1'],
      {
        cwd: EXAMPLE,
        opencode: real.server,
        env: { NEXT_TELEMETRY_DISABLED: '1' },
      },
    )
  })
  afterAll(() => server?.close())
  afterEach(() => real.model.reset())

  whatAServerDoes(() => ({ server, real }))
})

it('examples/next is right by its types', () => {
  const words = [path('node_modules/typescript/bin/tsc'), '-p', EXAMPLE]
  const { status, stdout } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  expect(status, stdout).toBe(0)
})
