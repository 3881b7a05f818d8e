// Where Linux refuses to start programs from memory (`vm.memfd_noexec`), what we start is still looked after. The
// setting belongs to a namespace of processes, so one of our own is made; that needs root.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const index = fileURLToPath(new URL('../../index.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'memory-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const unshare = (script) => ['--pid', '--fork', '--mount-proc', 'sh', '-ec', script]
const canSet =
  process.platform === 'linux' &&
  spawnSync('unshare', unshare('echo 1 > /proc/sys/vm/memfd_noexec'), { stdio: 'ignore' }).status === 0

describe.runIf(canSet)('the supervisor starts where vm.memfd_noexec is', () => {
  it.each([1, 2])('%i', (level) => {
    const binary = join(folder, 'opencode')
    writeFileSync(binary, '#!/bin/sh\necho "this is it, below $(cat /proc/$PPID/comm)" >&2\nexit 3\n', {
      mode: 0o755,
    })
    const options = { mode: 'server', autostart: true, cliPath: binary, directory: folder }
    const program = `
      require(${JSON.stringify(index)})
        .generate('hi', ${JSON.stringify(options)})
        .catch(({ message, cause, stderr }) => console.log(stderr || message + ' ' + cause))`
    const script = `echo ${level} > /proc/sys/vm/memfd_noexec; exec "$0" -e "$1"`
    const words = [...unshare(script), process.execPath, program]
    expect(execFileSync('unshare', words, { encoding: 'utf8' })).toMatch(
      /this is it, below (opencode-stream|\d|memfd)/,
    )
  })
})
