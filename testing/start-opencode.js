'use strict'

const { spawn } = require('node:child_process')
const { mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { atExit } = require('./at-exit.js')
const { freePort } = require('./free-port.js')
const { opencodeBinary } = require('./opencode-binary.js')
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
  #gone
  #forget

  constructor(executable, args, { directory, env, own }) {
    this.directory = directory
    this.env = env
    this.#own = own
    const words = ['serve', '--hostname=127.0.0.1', ...args]
    // A process group of its own, so that stop() also reaches what OpenCode started.
    this.child = spawn(executable, words, {
      cwd: directory,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
    })
    this.#gone = new Promise((resolve) => {
      this.child.once('error', resolve)
      this.child.once('exit', resolve)
    })
    this.#forget = atExit(() => {
      this.kill('SIGKILL')
      this.#removeDirectory()
    })
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
          reject(new Error(`OpenCode did not start: ${what}.\n${this.#stderr.slice(-4000)}`)),
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

  async stop() {
    this.kill('SIGTERM')
    const late = setTimeout(() => this.kill('SIGKILL'), STOP_GRACE)
    await this.#gone
    clearTimeout(late)
    // A shell that OpenCode left behind may still hold them.
    this.child.stdout.destroy()
    this.child.stderr.destroy()
    this.#forget()
    this.#removeDirectory()
  }

  [Symbol.asyncDispose]() {
    return this.stop()
  }

  #removeDirectory() {
    if (this.#own) rmSync(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  #keep(tail, text) {
    this.#log = (this.#log + text).slice(-TAIL)
    return (tail + text).slice(-TAIL)
  }
}

module.exports = { startOpenCode }
