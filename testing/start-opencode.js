'use strict'

const { spawn } = require('node:child_process')
const { mkdtempSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { harmless } = require('../lib/harmless.js')
const { atExit } = require('./at-exit.js')
const { generationOf, generationOfExecutable } = require('./generation.js')
const { leftover, removeFolder } = require('./leftovers.js')
const { NEWEST, opencodeBinary } = require('./opencode-binary.js')
const { killRemaining, newMark, treeOf } = require('./process-tree.js')
const { SERVE } = require('./serve.js')
const { serverEnv } = require('./server-env.js')

const TAIL = 64 * 1024
const START_TIMEOUT = 60_000
const STOP_GRACE = 3_000

async function startOpenCode(options = {}) {
  const executable = options.executable ?? (await opencodeBinary(options.version))
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'opencode-project-'))
  const own = options.directory === undefined
  const generation = await generationAsked(options)
  const { words, password, stdin } = await SERVE[generation].command(options)
  const env = serverEnv({ ...options, password })
  const server = new OpenCodeServer(executable, words, { generation, directory, env, own, stdin })
  if (password !== undefined) server.password = password
  await server.ready(options.startTimeout ?? START_TIMEOUT)
  return server
}

function generationAsked({ executable, version, env, model }) {
  if (executable === undefined || version !== undefined) return generationOf(version ?? NEWEST)
  return generationOfExecutable(executable, { ...(model ? model.env : process.env), ...env })
}

class OpenCodeServer {
  url
  generation
  child
  directory
  env
  password
  #own
  #stdout = ''
  #stderr = ''
  #log = ''
  #mark = newMark()
  #gone
  #forget
  #cleared
  #stopping

  constructor(executable, words, { generation, directory, env, own, stdin }) {
    this.generation = generation
    this.directory = directory
    this.env = { ...env, ...this.#mark }
    this.#own = own
    this.#cleared = leftover({ mark: this.#mark, folders: own ? [directory] : [] })
    // A process group of its own, so that a signal also reaches what OpenCode started in it.
    this.child = spawn(executable, words, {
      cwd: directory,
      env: this.env,
      stdio: [stdin, 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
    })
    this.#gone = new Promise((resolve) => {
      this.child.once('error', resolve)
      this.child.once('exit', resolve)
    })
    this.#forget = atExit(() => this.kill('SIGKILL'))
  }

  get pid() {
    return this.child.pid
  }

  /** Resolves at OpenCode's own word. The port is bound earlier, but requests made then are never answered. */
  ready(timeout) {
    return new Promise((resolve, reject) => {
      const fail = (what) => {
        clearTimeout(timer)
        this.stop().then(() =>
          reject(new Error(`OpenCode did not start: ${what}.\n${harmless(this.#stderr.slice(-4000))}`)),
        )
      }
      const { url, awaited } = SERVE[this.generation]
      const timer = setTimeout(() => fail(`${awaited} within ${timeout} ms`), timeout)
      this.child.once('error', (error) => fail(error.message))
      this.child.once(
        'close',
        (code, signal) => this.url ?? fail(`it ended with ${signal ?? `code ${code}`}`),
      )
      this.child.stderr.setEncoding('utf8').on('data', (text) => {
        this.#stderr = this.#keep(this.#stderr, text)
      })
      this.child.stdout.setEncoding('utf8').on('data', (text) => {
        this.#stdout = this.#keep(this.#stdout, text)
        if (this.url) return
        this.url = url(this.#stdout)
        if (!this.url) return
        clearTimeout(timer)
        resolve()
      })
    })
  }

  log() {
    return this.#log
  }

  kill(signal = 'SIGTERM') {
    const { pid, exitCode, signalCode } = this.child
    if (pid === undefined || exitCode !== null || signalCode !== null) return false
    try {
      // The group, unless Windows, which has none.
      return process.kill(process.platform === 'win32' ? pid : -pid, signal)
    } catch {
      return false
    }
  }

  stop() {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop() {
    // Taken down before the signal: afterwards a tool's parent is no longer known.
    const tree = treeOf(this.pid)
    this.kill('SIGTERM')
    const late = setTimeout(() => this.kill('SIGKILL'), STOP_GRACE)
    await this.#gone
    clearTimeout(late)
    await killRemaining(this.#mark, tree)
    // Where such processes cannot be found, one that OpenCode left behind may still hold these.
    this.child.stdin?.destroy()
    this.child.stdout.destroy()
    this.child.stderr.destroy()
    if (this.#own) removeFolder(this.directory)
    this.#forget()
    this.#cleared()
  }

  [Symbol.asyncDispose]() {
    return this.stop()
  }

  #keep(tail, text) {
    this.#log = (this.#log + text).slice(-TAIL)
    return (tail + text).slice(-TAIL)
  }
}

module.exports = { startOpenCode }
