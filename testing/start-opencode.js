'use strict'

const { spawn } = require('node:child_process')
const { mkdtempSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { harmless } = require('../lib/harmless.js')
const { atExit } = require('./at-exit.js')
const { freePort } = require('./free-port.js')
const { leftover, removeFolder } = require('./leftovers.js')
const { opencodeBinary } = require('./opencode-binary.js')
const { killRemaining, newMark, treeOf } = require('./process-tree.js')
const { serverEnv } = require('./server-env.js')

const LISTENING = /^opencode server listening on (http:\/\/\S+)/m
const TAIL = 64 * 1024
const START_TIMEOUT = 60_000
const STOP_GRACE = 3_000

async function startOpenCode(options = {}) {
  const executable = options.executable ?? (await opencodeBinary(options.version))
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'opencode-project-'))
  const own = options.directory === undefined
  const env = serverEnv(options)
  const args = [`--port=${options.port ?? (await freePort())}`, ...(options.args ?? [])]
  const server = new OpenCodeServer(executable, args, { directory, env, own })
  if (options.password !== undefined) server.password = options.password
  await server.ready(options.startTimeout ?? START_TIMEOUT)
  return server
}

class OpenCodeServer {
  url
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

  constructor(executable, args, { directory, env, own }) {
    this.directory = directory
    this.env = { ...env, ...this.#mark }
    this.#own = own
    this.#cleared = leftover({ mark: this.#mark, folders: own ? [directory] : [] })
    const words = ['serve', '--hostname=127.0.0.1', ...args]
    // A process group of its own, so that a signal also reaches what OpenCode started in it.
    this.child = spawn(executable, words, {
      cwd: directory,
      env: this.env,
      stdio: ['ignore', 'pipe', 'pipe'],
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
      const timer = setTimeout(() => fail(`no "listening" line within ${timeout} ms`), timeout)
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
        this.url = LISTENING.exec(this.#stdout)?.[1]
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
