// `npm run demo`: the scripted turn on either generation, and what it says of where it came from.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const DEMO = fileURLToPath(new URL('../scripts/demo.js', import.meta.url))
const run = promisify(execFile)

describe('npm run demo', { timeout: 180_000 }, () => {
  it.each([
    [[], '1.18.33', 'bash'],
    [['--opencode', '2'], '2.0.15', 'shell'],
  ])('with %j streams from OpenCode %s, and says so', async (words, version, shell) => {
    const { stdout, stderr } = await run(process.execPath, [DEMO, ...words])
    expect(stdout).toMatch(/^The shell says hello[\s\S]*日本語[\s\S]*stops with you\.\n$/)
    expect(stderr).toContain(`streaming from OpenCode ${version}, route server\n`)
    expect(stderr).toContain(`[${shell}] {"command":"echo Hello from a shell"`)
    expect(stderr).toMatch(/\nsession {2}ses_\w+ \(stop\)\n/)
  })

  it.each([[['--opencode', '3']], [['--opencode']], [['--live']]])(
    'with %j says how to use it',
    async (words) => {
      const failed = await run(process.execPath, [DEMO, ...words]).catch((error) => error)
      expect(failed).toMatchObject({ code: 2, stderr: expect.stringContaining('--opencode 2') })
    },
  )
})
