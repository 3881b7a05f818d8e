// In a real terminal. `script` makes one and is on every Linux; where it is not, these tests are shown as skipped.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import testing from '../../testing/index.js'
import { hasTerminal, inTerminal, quoted } from '../support/command.mjs'
import { dialects } from '../support/dialects.mjs'
import { realOpenCode, until } from '../support/real-opencode.mjs'

const { fail, hang, lockstep, reasoning, text, toolCall } = testing
const SPINNER = /[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/
const CTRL_C = '\u0003'

// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys
const plain = (bytes) => bytes.replace(/\r?\u001b\[K|\u001b\[\d*m/g, '').replaceAll('\r\n', '\n')

describe.skipIf(!hasTerminal()).each(['1.18.33', '2.0.15'])(
  'the command line, in a terminal, with OpenCode %s',
  (version) => {
    const real = realOpenCode({ version })
    const { shell, shellTool } = dialects[real.generation]
    const run = (words, more = '', options) => {
      const line = ['--attach', real.server.url, '--dir', real.server.directory, ...words]
        .map(quoted)
        .join(' ')
      const { password } = real.server
      const env = password ? { OPENCODE_SERVER_PASSWORD: password } : {}
      return inTerminal(`exec $COMMAND ${line} ${more}`, { env, ...options })
    }

    it('shows a spinner while the model thinks, each tool in a line, the answer, and the cost', async () => {
      const gate = lockstep()
      real.model.reply(reasoning(['hm', 'hm'], { gate }), text('I will look.'), shell('echo hi'))
      real.model.reply(text('It says hi.'))
      const running = run(['look'])
      await until(() => SPINNER.test(running.stdout) && running.stdout.includes('thinking'))
      gate.release()
      const { code, stdout } = await running.ended
      expect(code).toBe(0)
      const lines = plain(stdout.slice(stdout.lastIndexOf('thinking', stdout.indexOf('I will')))).split('\n')
      expect(plain(stdout)).toContain('I will look.\n')
      expect(plain(stdout)).toMatch(new RegExp(`✓ ${shellTool}: \\S`))
      expect(lines.at(-3)).toBe('It says hi.')
      expect(lines.at(-2)).toMatch(/^\d+ in · \d+ out · [\d.]+ s · ses_\w+$/)
    })

    // What follows has nothing to do with the release.
    if (real.generation === 2) return

    it('obeys nothing that the answer might order the terminal to do', async () => {
      real.model.reply(text('\u001b]0;owned\u0007\u001b[2Jsafe\rover\r\nit \u009b31m\u202eed\u2067is'))
      const { stdout } = await run(['hi'], '2>/dev/null').ended
      expect(stdout).toBe('␛]0;owned␇␛[2Jsafe␍over\r\nit �31m�ed�is\r\n')
    })

    it('obeys nothing that a provider, a tool or a rejected permission says', async () => {
      const evil = '\u001b]0;owned\u0007\u202e\rmark'
      real.model
        .reply(toolCall('bash', { command: `echo ${evil}`, description: evil }))
        .reply(fail(400, { message: evil }))
      const outputs = [
        await run(['hi', '--permission', 'allow']).ended,
        await inTerminal(`exec $COMMAND --mode ${quoted(evil)} hi`).ended,
        await inTerminal(`exec $COMMAND --file ${quoted(evil)} --attach ${real.server.url} hi`).ended,
      ]
      for (const { stdout } of outputs) {
        expect(stdout).toContain('mark')
        // Our own spinner writes CR and CSI; nothing else may.
        // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys
        expect(plain(stdout)).not.toMatch(/[\u0007\u001b\u202e]|\rmark/)
      }
    })

    it('shows progress and no answer, when the answer goes to a file', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'opencode-command-'))
      const file = join(folder, 'answer.txt')
      real.model.reply(text(['the ', 'answer']))
      const { code, stdout } = await run(['hi'], `> ${quoted(file)}`).ended
      expect(code).toBe(0)
      expect(readFileSync(file, 'utf8')).toBe('the answer')
      expect(plain(stdout)).toMatch(/ out · /)
      expect(stdout).not.toContain('the answer')
      rmSync(folder, { recursive: true })
    })

    it('shows nothing but the answer, when stderr goes elsewhere', async () => {
      real.model.reply(text('the answer'))
      expect((await run(['hi'], '2>/dev/null').ended).stdout).toBe('the answer\r\n')
    })

    it('without a prompt it says how to use it, instead of waiting for typing', async () => {
      const { code, stdout } = await inTerminal('exec $COMMAND').ended
      expect(code).toBe(2)
      expect(stdout).toContain('There is no prompt')
    })

    it('`-` takes what is typed, up to Ctrl-D', async () => {
      real.model.reply(text('ok'))
      const running = run(['-'])
      running.child.stdin.write('typed by hand\n\u0004')
      expect((await running.ended).code).toBe(0)
      expect(real.model.requests.at(-1).prompt).toBe('typed by hand\n')
    })

    it('Ctrl-C stops the turn, says so, and is exit code 130', async () => {
      real.model.reply(text('Once upon'), hang())
      const running = run(['a story'])
      await until(() => running.stdout.includes('Once upon'))
      running.child.stdin.write(CTRL_C)
      const { code, stdout } = await running.ended
      expect(code).toBe(130)
      expect(plain(stdout)).toContain('Once upon^C\ninterrupted')
      expect(real.model.requests.at(-1).aborted).toBe(true)
    })

    it('a second Ctrl-C kills', async () => {
      real.model.reply(text('Once upon'), hang())
      const running = run(['a story'])
      await until(() => running.stdout.includes('Once upon'))
      real.server.child.kill('SIGSTOP')
      try {
        running.child.stdin.write(CTRL_C)
        await until(() => running.stdout.includes('interrupted'))
        running.child.stdin.write(CTRL_C)
        expect((await running.ended).code).toBe(130)
      } finally {
        real.server.child.kill('SIGCONT')
      }
    })

    it('an error comes after the answer so far, on a line of its own', async () => {
      real.model
        .reply(text('So far'), fail(401, { message: 'bad key' }))
        .reply(fail(401, { message: 'bad key' }))
      const { code, stdout } = await run(['hi']).ended
      expect(code).toBe(1)
      expect(plain(stdout)).toMatch(
        /So far\n[\s\S]*opencode-stream: .*bad key.*\n(.*hint.*\n)? {2}code: ERR_OPENCODE_PROVIDER\n$/,
      )
    })
  },
)
