'use strict'

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { mkdtempSync, rmSync, symlinkSync } = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { ROOT } = require('../steps.js')
const { PROMPT, scriptTurn } = require('./project.js')

const COLUMNS = 88
const ROWS = 13
/** Milliseconds between two keys, and between two tokens. */
const TYPING = 45
const PACE = 45

/**
 * A shell in a terminal of its own, in which the command is typed and runs: `{ columns, rows, chunks }`, each chunk
 * `{ at, text }` as the terminal got it, `at` in milliseconds.
 */
async function recordTerminal(opencode) {
  const bin = mkdtempSync(path.join(tmpdir(), 'opencode-media-'))
  symlinkSync(path.join(ROOT, 'bin', 'opencode-stream.js'), path.join(bin, 'opencode-stream'))
  const shell = startShell(opencode, bin)
  const ended = once(shell, 'close')
  const chunks = []
  let all = ''
  const began = performance.now()
  shell.stdout.setEncoding('utf8').on('data', (text) => {
    all += text
    chunks.push({ at: performance.now() - began, text })
  })
  const shown = async (text, after = 0) => {
    while (!all.includes(text, after)) await sleep(10)
  }

  scriptTurn(opencode, { pace: PACE })
  await shown('$ ')
  for (const key of `opencode-stream "${PROMPT}"`) {
    shell.stdin.write(key)
    await sleep(TYPING)
  }
  const typed = all.length
  shell.stdin.write('\r')
  await shown(' out · ', typed)
  await shown('$ ', all.indexOf(' out · ', typed))
  // What the shell says when it is left belongs to nobody's picture.
  const recorded = chunks.slice()
  shell.stdin.write('\u0004')
  await ended
  rmSync(bin, { recursive: true })
  return { columns: COLUMNS, rows: ROWS, chunks: recorded }
}

function startShell({ server, directory }, bin) {
  // A shell that is not interactive, as the first one here is, forgets PS1.
  const line = `stty cols ${COLUMNS} rows ${ROWS}; exec env PS1='$ ' bash --norc --noprofile -i`
  return spawn('script', ['-qefc', line, '/dev/null'], {
    cwd: directory,
    env: {
      PATH: `${bin}:${process.env.PATH}`,
      HOME: directory,
      SHELL: '/bin/bash',
      TERM: 'xterm-256color',
      LANG: 'C.UTF-8',
      OPENCODE_SERVER_URL: server.url,
    },
  })
}

module.exports = { recordTerminal }
