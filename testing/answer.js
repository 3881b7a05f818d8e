'use strict'

const FIELD = { text: 'content', reasoning: 'reasoning_content' }

/** One reply on the chat completions wire; the two subclasses differ in when the bytes leave. */
class Answer {
  over = false
  #response
  #model
  #id
  #reason
  #counted = 0
  #usage
  #calls = 0

  constructor(response, model, id) {
    this.#response = response
    this.#model = model
    this.#id = id
  }

  get response() {
    return this.#response
  }

  get finishReason() {
    return this.#reason ?? (this.#calls > 0 ? 'tool_calls' : 'stop')
  }

  get usageReport() {
    const { input = 10, output = this.#counted, reasoning = 0, cacheRead = 0 } = this.#usage ?? {}
    return {
      prompt_tokens: input + cacheRead,
      completion_tokens: output + reasoning,
      total_tokens: input + cacheRead + output + reasoning,
      prompt_tokens_details: { cached_tokens: cacheRead },
      completion_tokens_details: { reasoning_tokens: reasoning },
    }
  }

  token(type, value) {
    this.#counted += 1
    return this.delta({ [FIELD[type]]: value })
  }

  toolCall({ id, name, arguments: json }) {
    const index = this.#calls++
    const call = { id: id ?? `call_${this.#id}_${index}`, type: 'function' }
    return this.delta({ tool_calls: [{ index, ...call, function: { name, arguments: json } }] })
  }

  finish(reason) {
    this.#reason = reason
  }

  usage(tokens) {
    this.#usage = tokens
  }

  /** Before the first token: an HTTP failure. */
  fail({ status, error, headers, body = { error } }) {
    this.over = true
    const bytes = typeof body === 'string' ? body : JSON.stringify(body)
    this.#response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(bytes)
  }

  cut() {
    this.over = true
    this.#response.socket?.destroy()
  }

  get envelope() {
    return { id: `reply_${this.#id}`, created: Math.floor(Date.now() / 1000), model: this.#model }
  }
}

class StreamedAnswer extends Answer {
  async delta(delta) {
    await this.#record({ choices: [{ index: 0, delta, finish_reason: null }] })
  }

  async fail(step) {
    if (!this.response.headersSent) return super.fail(step)
    this.over = true
    // The status has left already: providers then put the error into the stream.
    await this.#write(`data: ${JSON.stringify(step.body ?? { error: step.error })}\n\n`)
    this.response.end()
  }

  async end() {
    this.over = true
    await this.#record({ choices: [{ index: 0, delta: {}, finish_reason: this.finishReason }] })
    await this.#record({ choices: [], usage: this.usageReport })
    this.response.end('data: [DONE]\n\n')
  }

  #record(fields) {
    const record = { ...this.envelope, object: 'chat.completion.chunk', ...fields }
    return this.#write(`data: ${JSON.stringify(record)}\n\n`)
  }

  async #write(bytes) {
    if (!this.response.headersSent) {
      this.response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    }
    if (this.response.destroyed) return
    // Waits until the bytes are on their way: a cut must not overtake them, nor a slow reader make them pile up.
    await new Promise((resolve) => this.response.write(bytes, resolve))
  }
}

class WholeAnswer extends Answer {
  #message = { role: 'assistant', content: '' }

  delta({ tool_calls: calls, ...pieces }) {
    for (const [field, piece] of Object.entries(pieces)) {
      this.#message[field] = (this.#message[field] ?? '') + piece
    }
    if (calls) this.#message.tool_calls = [...(this.#message.tool_calls ?? []), ...calls]
  }

  end() {
    this.over = true
    const choice = { index: 0, message: this.#message, finish_reason: this.finishReason }
    const whole = { ...this.envelope, object: 'chat.completion', choices: [choice], usage: this.usageReport }
    this.response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(whole))
  }
}

function answerFor(body, response, id) {
  const Kind = body.stream ? StreamedAnswer : WholeAnswer
  return new Kind(response, body.model, id)
}

module.exports = { answerFor }
