// The command line as users run it: through pipes, or in a terminal.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const BIN = fileURLToPath(new URL('../../bin/opencode-stream.js', import.meta.url))

/** Nothing of OpenCode's, which would name a server or a mode. */
function environment(more) {
  const kept = Object.entries(process.env).filter(([name]) => !/^(OPENCODE|NO_COLOR|VITEST|NODE_)/.test(name))
  return { ...Object.fromEntries(kept), TERM: 'xterm-256color', ...more }
}

/** Starts it with pipes; with `input: null` its standard input stays open. `printed` grows; `ended` resolves with how it ended and what it printed. */
export function command(words, { input = '', env } = {}) {
  return running(spawn(process.execPath, [BIN, ...words], { env: environment(env) }), input)
}

/** The same from a shell, in which `$COMMAND` stands for it. */
export function inShell(line, { env } = {}) {
  const COMMAND = `${quoted(process.execPath)} ${quoted(BIN)}`
  return running(spawn('bash', ['-c', line.replaceAll('$COMMAND', COMMAND)], { env: environment(env) }), '')
}

/** The same in a terminal of its own, made by `script` of util-linux: what is typed goes to `child.stdin`. */
export function inTerminal(line, { env } = {}) {
  const shell = line.replaceAll('$COMMAND', `${quoted(process.execPath)} ${quoted(BIN)}`)
  const child = spawn('script', ['-qefc', shell, '/dev/null'], {
    env: environment({ SHELL: '/bin/bash', ...env }),
  })
  return running(child)
}

/** Part of every Linux, but not with these flags elsewhere. */
export function hasTerminal() {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux')
  } catch {
    return false
  }
}

export function quoted(word) {
  return `'${word.replaceAll("'", "'\\''")}'`
}

function running(child, input) {
  const run = { child, stdout: '', stderr: '', onText: () => {} }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    run.stdout += text
    run.onText(text)
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    run.stderr += text
  })
  child.stdin.on('error', () => {})
  if (input != null) child.stdin.end(input)
  run.ended = once(child, 'close').then(([code, signal]) => {
    const { stdout, stderr } = run
    return { code, signal, stdout, stderr }
  })
  return run
}
