'use strict'

const { createServer } = require('node:http')
const { once } = require('node:events')
const { json } = require('node:stream/consumers')
const { answerFor } = require('./answer.js')
const { TITLE_MODEL, isolatedEnv, isolatedHomes, openCodeConfig } = require('./isolation.js')
const { play } = require('./play.js')
const { isHousekeeping, recordedRequest } = require('./recorded-request.js')
const { Script } = require('./script.js')
const { text } = require('./steps.js')

class ScriptedModel {
  baseURL
  config
  env
  requests = []
  titleRequests = []
  refused = []
  #fallback
  #script
  #title
  #server
  #homes
  #answered = 0
  #closing
  #watchers = new Set()
  /** Of the replies that are being played. */
  #underway = new Set()

  constructor({ fallback, title = 'Scripted title' }) {
    this.#fallback = fallback
    this.#script = new Script(fallback)
    this.#title = [text(title)]
  }

  reply(...steps) {
    this.#script.reply(steps)
    return this
  }

  when(matcher, ...steps) {
    return this.#script.when(matcher, steps)
  }

  async waitForRequests(count = 1) {
    const { requests } = this
    while (requests.length < count) {
      const end = this.#closing ? 'closed' : requests !== this.requests && 'reset'
      if (end) throw new Error(`The scripted model was ${end} after ${requests.length} of ${count} requests.`)
      await new Promise((resolve) => this.#watchers.add(resolve))
    }
    return requests.slice(0, count)
  }

  verify() {
    this.#script.verify()
  }

  reset() {
    this.#script = new Script(this.#fallback)
    // New lists: who holds the old ones may go on reading what was asked then.
    Object.assign(this, { requests: [], titleRequests: [], refused: [] })
    for (const leaving of this.#underway) leaving.abort(new Error('the model was reset'))
    this.#announce()
  }

  close() {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose]() {
    return this.close()
  }

  /** Not for tests: scriptedModel() calls it before anyone sees the model. */
  async listen(overrides) {
    this.#server = createServer((request, response) => this.#route(request, response))
    this.#server.on('connect', (request, socket) => {
      this.refused.push(request.url)
      socket.on('error', () => {})
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n', () => socket.destroy())
    })
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const origin = `http://127.0.0.1:${this.#server.address().port}`
    this.baseURL = `${origin}/v1`
    this.config = openCodeConfig(this.baseURL, overrides)
    this.#homes = isolatedHomes()
    this.env = isolatedEnv(this.#homes, origin, this.config)
  }

  async #close() {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
    this.#announce()
    this.#homes.remove()
  }

  async #route(request, response) {
    if (!request.url.startsWith('/')) {
      this.refused.push(request.url)
      return sendJson(response, 403, { error: { message: 'The scripted model lets nothing through.' } })
    }
    const { pathname } = new URL(request.url, this.baseURL)
    if (pathname === '/api.json') return sendJson(response, 200, {})
    if (request.method === 'POST' && pathname === '/v1/chat/completions')
      return this.#complete(request, response)
    const message = `The scripted model answers POST /v1/chat/completions, not ${request.method} ${pathname}.`
    return sendJson(response, 404, { error: { message } })
  }

  async #complete(request, response) {
    const body = await json(request).catch(() => undefined)
    if (!body) return sendJson(response, 400, { error: { message: 'The body is not JSON.' } })
    const record = recordedRequest(body, request.headers)
    const steps = this.#record(record)
    const answer = answerFor(body, response, ++this.#answered)
    const leaving = new AbortController()
    this.#underway.add(leaving)
    record.ended = new Promise((resolve) => response.once('close', resolve)).then(() => {
      record.aborted = !response.writableFinished && !answer.over
      this.#underway.delete(leaving)
      leaving.abort()
    })
    try {
      await play(steps, record, answer, leaving.signal)
      if (!answer.over) await answer.end()
    } catch (error) {
      // A script that throws is the test's mistake: it must be seen, not look like a slow model.
      if (!response.destroyed && !answer.over) answer.fail(scriptFailure(error))
    }
  }

  #record(record) {
    if (isHousekeeping(record, TITLE_MODEL)) {
      this.titleRequests.push(record)
      return this.#title
    }
    const steps = this.#script.take(record)
    this.requests.push(record)
    this.#announce()
    return steps
  }

  #announce() {
    for (const resolve of this.#watchers) resolve()
    this.#watchers.clear()
  }
}

function scriptFailure(error) {
  return { status: 400, error: { message: `The script of the model failed: ${error?.stack ?? error}` } }
}

function sendJson(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

async function scriptedModel({ model: overrides, ...options } = {}) {
  const model = new ScriptedModel(options)
  await model.listen(overrides)
  return model
}

module.exports = { scriptedModel }
