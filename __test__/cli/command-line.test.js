import { existsSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import testing from '../../testing/index.js'
import { command, inShell, quoted } from '../support/command.mjs'
import { dialects } from '../support/dialects.mjs'
import { processesBelow } from '../support/processes.mjs'
import { realOpenCode, until } from '../support/real-opencode.mjs'
import { isRunning } from '../support/running.mjs'

const { fail, hang, lockstep, opencodeBinary, text } = testing

describe.each(['1.18.33', '2.0.15'])('the command line, through pipes, with OpenCode %s', (version) => {
  const real = realOpenCode({ version, config: { permission: { bash: 'ask' } } })
  const isSecond = real.generation === 2
  const { shell, shellTool } = dialects[real.generation]
  const target = () => ['--attach', real.server.url, '--dir', real.server.directory]
  /** OpenCode 2 lets nobody in without a password. */
  const env = () => (real.server.password ? { OPENCODE_SERVER_PASSWORD: real.server.password } : {})
  const run = (words, options) => command([...target(), ...words], { env: env(), ...options })
  const lastPrompt = () => real.model.requests.at(-1).prompt

  it('prints each token as it arrives, nothing but the answer, and nothing to stderr', async () => {
    const gate = lockstep()
    real.model.reply(text(['one ', 'two ', 'three'], { gate }))
    const running = run(['count', 'to', 'three'])
    running.onText = () => gate.seen()
    expect(await running.ended).toEqual({ code: 0, signal: null, stdout: 'one two three', stderr: '' })
    expect(lastPrompt()).toBe('count to three')
  })

  it('prints what is around a tool as `result.text` has it', async () => {
    real.model.reply(text('Before.'), shell('echo between'))
    real.model.reply(text(['After\n', '\u001b[31mred']))
    const { code, stdout } = await run(['go', '--permission', 'allow']).ended
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Before.\n\nAfter\n\u001b[31mred' })
  })

  it('--format json prints one event a line, and `finish` last', async () => {
    real.model.reply(text(['Hel', 'lo']))
    const { code, stdout, stderr } = await run(['hi', '--format', 'json']).ended
    const events = stdout.trimEnd().split('\n').map(JSON.parse)
    expect(events[0]).toMatchObject({ type: 'start', route: 'server' })
    expect(events.at(-1)).toMatchObject({ type: 'finish', result: { text: 'Hello', finishReason: 'stop' } })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it('--format json has nothing that a terminal would obey, and means the same', async () => {
    const words = '\u001b]0;owned\u0007\u009b31m\u202e\u2066 caf\u00e9'
    real.model.reply(text(words))
    const { stdout } = await run(['hi', '--format', 'json']).ended
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys
    expect(stdout).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/)
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1)).result.text).toBe(words)
  })

  it('goes on with the newest session, with a named one, and in a copy', async () => {
    real.model.reply(text('1')).reply(text('2')).reply(text('3')).reply(text('4'))
    const sessionOf = async (words) => {
      const { stdout } = await run([...words, '--format=json', 'hi']).ended
      return JSON.parse(stdout.trimEnd().split('\n').at(-1)).sessionID
    }
    const first = await sessionOf(['--title', 'A title of mine'])
    expect((await real.session(first)).title).toBe('A title of mine')
    expect(await sessionOf(['--continue'])).toBe(first)
    expect(await sessionOf(['-s', first])).toBe(first)
    expect(await sessionOf(['-s', first, '--fork'])).not.toBe(first)
  })

  it('passes on agent and model', async () => {
    real.model.reply(text('ok'))
    const { stdout } = await run(['-m', 'scripted/model', '--agent', 'plan', '--format=json', 'hi']).ended
    const { sessionID } = JSON.parse(stdout.split('\n')[0])
    expect(await real.agentOf(sessionID)).toBe('plan')
    expect(real.model.requests.at(-1).body.model).toBe('model')
  })

  it('attaches files, named from where it was started', async () => {
    writeFileSync(join(real.server.directory, 'notes.txt'), 'Buy bread.')
    real.model.reply(text('ok'))
    const file = relative(process.cwd(), join(real.server.directory, 'notes.txt'))
    expect((await run(['-f', file, '--', 'What to buy?']).ended).code).toBe(0)
    expect(JSON.stringify(real.model.requests.at(-1).messages)).toContain('Buy bread.')
  })

  it("`--mode cli` needs no server: it takes OpenCode's own command line, and leaves none of it running", async () => {
    const gate = lockstep()
    real.model.reply(text(['one ', 'two'], { gate }))
    const executable = await opencodeBinary(version)
    const before = real.model.requests.length
    const running = command(['--mode', 'cli', '--dir', real.server.directory, 'hi'], {
      env: { ...real.model.env, OPENCODE_BIN: executable },
    })
    running.onText = () => gate.seen()
    await real.model.waitForRequests(before + 1)
    const below = processesBelow(running.child.pid)
    expect(below.map(({ line }) => line).join('\n')).toContain(`${executable} ${isSecond ? 'run' : 'acp'}`)
    // `run` prints a part when it is complete.
    if (isSecond) gate.release()
    expect(await running.ended).toEqual({ code: 0, signal: null, stdout: 'one two', stderr: '' })
    expect(below.filter(({ pid }) => isRunning(pid))).toEqual([])
  })

  it('a turn that fails is exit code 1, with message and code on stderr; in JSON it is the last line too', async () => {
    for (const format of ['default', 'json']) {
      real.model.reply(text('So far'), fail(401, { message: 'bad key' }))
      real.model.reply(fail(401, { message: 'bad key' }))
      const { code, stdout, stderr } = await run(['hi', '--format', format]).ended
      expect(code).toBe(1)
      expect(stderr).toMatch(/^opencode-stream: .*bad key[\s\S]*code: ERR_OPENCODE_PROVIDER\n$/)
      const last = stdout.trimEnd().split('\n').at(-1)
      if (format === 'json')
        expect(JSON.parse(last)).toMatchObject({ type: 'error', error: { accepted: true } })
      else expect(stdout).toBe('So far')
      real.model.reset()
    }
  })

  it('a rejected permission is told, and is exit code 1', async () => {
    real.model.reply(text('I will. '), shell('touch made'))
    const { code, stdout, stderr } = await run(['make it']).ended
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'I will. ' })
    expect(stderr).toContain(`${shellTool} (touch made)`)
    expect(stderr).toMatch(/--permission allow[\s\S]*ERR_OPENCODE_REJECTED/)
    real.model.reply(shell('touch made'))
    const chosen = await run(['make it', '--permission', 'reject']).ended
    expect(chosen.code).toBe(1)
    expect(chosen.stderr).toMatch(new RegExp(`Rejected: ${shellTool} touch made\\n.*--permission allow`))
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('one %s stops the turn inside OpenCode, waits for that, and is exit code %i', async (name, code) => {
    real.model.reply(text('Once upon'), hang())
    const running = run(['a story'])
    await until(() => running.stdout === 'Once upon')
    running.child.kill(name)
    expect(await running.ended).toEqual({ code, signal: null, stdout: 'Once upon', stderr: '' })
    expect(real.model.requests.at(-1).aborted).toBe(true)
    expect(await real.active()).toEqual([])
  })

  it('a second SIGINT kills, though OpenCode answers nothing', async () => {
    real.model.reply(text('Once upon'), hang())
    const running = run(['a story'])
    await until(() => running.stdout === 'Once upon')
    real.server.child.kill('SIGSTOP')
    try {
      running.child.kill('SIGINT')
      const again = setInterval(() => running.child.kill('SIGINT'), 50)
      expect(await running.ended).toMatchObject({ code: null, signal: 'SIGINT' })
      clearInterval(again)
    } finally {
      real.server.child.kill('SIGCONT')
    }
    real.model.reset()
  })

  it('a reader that has read enough, such as `head`, stops the turn, and is no failure', async () => {
    const gate = lockstep()
    real.model.reply(
      text(
        Array.from({ length: 200 }, (_, line) => `line ${line}\n`),
        { gate, pace: 5 },
      ),
      hang(),
    )
    gate.release()
    const line = `set -o pipefail; $COMMAND ${target().map(quoted).join(' ')} lines | head -n 2`
    expect(await inShell(line, { env: env() }).ended).toEqual({
      code: 0,
      signal: null,
      stdout: 'line 0\nline 1\n',
      stderr: '',
    })
    await real.model.requests.at(-1).ended
    expect(real.model.requests.at(-1).aborted).toBe(true)
  })

  // What follows has nothing to do with the release.
  if (isSecond) return

  it.each([
    ['what is piped in', [], 'from a pipe\n', 'from a pipe\n'],
    ['`-`', ['-'], 'from a pipe\n', 'from a pipe\n'],
    ['words, and what is piped in on a new line', ['explain', 'this'], 'a file', 'explain this\na file'],
    ['words after `--`, whatever they look like', ['--', '--help'], '', '--help'],
  ])('takes as its prompt %s', async (_, words, input, prompt) => {
    real.model.reply(text('ok'))
    expect((await run(words, { input }).ended).code).toBe(0)
    expect(lastPrompt()).toBe(prompt)
  })

  it('goes on where a pipe stays open, and takes what is there', async () => {
    real.model.reply(text('ok')).reply(text('ok'))
    const silent = run(['Hello'], { input: null })
    expect((await silent.ended).code).toBe(0)
    expect(lastPrompt()).toBe('Hello')
    const open = run(['Hello'], { input: null })
    open.child.stdin.write('some ')
    setImmediate(() => open.child.stdin.write('words'))
    const { code, stderr } = await open.ended
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: 'opencode-stream: Going on without the end of what is piped in\n',
    })
    expect(lastPrompt()).toBe('Hello\nsome words')
  })

  it.skipIf(!existsSync('/dev/full'))('a full disk is told, and is exit code 1', async () => {
    for (const words of ['hi', '--format=json hi', '--help']) {
      real.model.reply(text('ok'))
      const line = `$COMMAND ${target().map(quoted).join(' ')} ${words} > /dev/full`
      expect(await inShell(line, { env: env() }).ended).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^opencode-stream: The output cannot be written: ENOSPC.*\n$/),
      })
      real.model.reset()
    }
  })

  it.each([
    ['no prompt', [], /empty/],
    ['an unknown flag', ['--modle', 'a/b', 'hi'], /Unknown option '--modle'. Did you mean '--model'\?/],
    ['a flag without its value', ['hi', '--model'], /--model/],
    ['another format', ['hi', '--format', 'xml'], /'default' or 'json'/],
    ['a wrong value', ['hi', '--model', 'x'], /hint: .*\n {2}code: ERR_OPENCODE_INVALID_OPTION/],
    ['another mode', ['hi', '--mode', 'servr'], /Did you mean 'server'\?/],
    ['a flag that the mode cannot honour', ['hi', '--mode', 'cli'], /ERR_OPENCODE_UNSUPPORTED_OPTION/],
    ['flags that exclude each other', ['hi', '-c', '-s', 'ses_1'], /ERR_OPENCODE_INVALID_OPTION/],
  ])('%s is exit code 2, and nothing is sent', async (_, words, message) => {
    const before = real.model.requests.length
    const { code, stdout, stderr } = await run(words).ended
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(real.model.requests).toHaveLength(before)
  })

  it('--help and --version print to stdout', async () => {
    expect(await command(['--help']).ended).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Usage: /),
    })
    expect((await command(['--version']).ended).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})
