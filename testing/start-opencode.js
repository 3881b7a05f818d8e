const { spawn } = require('node:child_process')
const { randomInt } = require('node:crypto')
const { mkdtempSync, rmSync } = require('node:fs')
const { createServer } = require('node:net')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { opencodeBinary } = require('./opencode-binary.js')

const LISTENING = /^opencode server listening on (http:\/\/\S+)/m
const TAIL = 64 * 1024
const START_TIMEOUT = 60_000
const STOP_GRACE = 3_000

const running = new Set()
let watchingExit = false

async function startOpenCode(options = {}) {
  const executable = options.executable ?? (await opencodeBinary(options.version))
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'opencode-project-'))
  const own = options.directory === undefined
  const env = environment(options)
  const port = options.port ?? (await freePort())
  const server = new OpenCodeServer(executable, [`--port=${port}`, ...(options.args ?? [])], {
    directory,
    env,
    own,
  })
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
    track(this)
    this.#gone.then(() => running.delete(this))
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
    if (this.#own) rmSync(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  [Symbol.asyncDispose]() {
    return this.stop()
  }

  #keep(tail, text) {
    this.#log = (this.#log + text).slice(-TAIL)
    return (tail + text).slice(-TAIL)
  }
}

// Left to itself (`--port 0`) OpenCode takes 4096 whenever that is free: the very port at which a client without
// a server address looks for the user's own. Below 32768 no system hands out ports of its own accord.
async function freePort() {
  for (;;) {
    const port = randomInt(20_000, 32_768)
    if (await isFree(port)) return port
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

function environment({ model, config, env = {}, password }) {
  const whole = { ...(model ? model.env : process.env), ...env }
  if (config) {
    whole.OPENCODE_CONFIG_CONTENT = JSON.stringify(
      merged(JSON.parse(whole.OPENCODE_CONFIG_CONTENT ?? '{}'), config),
    )
  }
  if (password !== undefined) whole.OPENCODE_SERVER_PASSWORD = password
  return whole
}

const isRecord = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

function merged(base, over) {
  const result = { ...base }
  for (const [key, value] of Object.entries(over)) {
    result[key] = isRecord(value) && isRecord(base[key]) ? merged(base[key], value) : value
  }
  return result
}

function track(server) {
  running.add(server)
  if (watchingExit) return
  watchingExit = true
  process.on('exit', () => {
    for (const each of running) each.kill('SIGKILL')
  })
}

module.exports = { startOpenCode }
