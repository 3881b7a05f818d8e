'use strict'

const { harmless } = require('../lib/harmless.js')
const { oneLine } = require('./one-line.js')

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const FRAME_MS = 80
const NONE = { show() {}, makeWay() {}, note() {}, end() {}, joint: () => '\n\n' }

/** What happens besides the answer, on a terminal: a spinner, a line for each tool, the cost at the end. */
class Progress {
  #terminal
  #doing = 'connecting'
  #frame = 0
  #timer
  #isDrawn = false
  /** Whether the answer stands on the same terminal, in the middle of a line. */
  #isMidLine = false
  #began = performance.now()
  #told = new Set()

  constructor(terminal) {
    this.#terminal = terminal
    this.#timer = setInterval(() => this.#draw(), FRAME_MS).unref()
  }

  show(event) {
    if (event.type === 'start') this.#doing = 'thinking'
    if (event.type === 'tool') this.#showTool(event)
    const line = LINES[event.type]?.(event)
    if (line) this.note(line)
    if (event.type === 'step-start') this.#doing = 'thinking'
    this.#draw()
  }

  /** Text is about to be written, `text` to this same terminal. */
  makeWay(text) {
    this.#clear()
    if (text !== undefined) this.#isMidLine = !text.endsWith('\n')
  }

  /** The blank line between two texts, where a note may have ended the first one's last line. */
  joint() {
    return this.#isMidLine ? '\n\n' : '\n'
  }

  note(line) {
    this.#clear()
    if (this.#isMidLine) this.#terminal.write('\n')
    this.#isMidLine = false
    this.#terminal.write(`${this.#dim(harmless(oneLine(line)))}\n`)
  }

  end(result) {
    clearInterval(this.#timer)
    this.#clear()
    if (result) this.note(summary(result, performance.now() - this.#began))
  }

  #showTool({ callID, tool, status, title, input, error }) {
    this.#doing = status === 'running' || status === 'pending' ? tool : 'thinking'
    if (this.#told.has(callID) || (status !== 'completed' && status !== 'error')) return
    this.#told.add(callID)
    const what = title || subject(input)
    this.note(status === 'completed' ? `✓ ${tool}: ${what}` : `✗ ${tool}: ${what} (${error ?? 'failed'})`)
  }

  #draw() {
    if (this.#isMidLine) return
    const frame = FRAMES[this.#frame++ % FRAMES.length]
    this.#terminal.write(`\r\x1b[K${this.#dim(`${frame} ${harmless(oneLine(this.#doing))}`)}`)
    this.#isDrawn = true
  }

  #clear() {
    if (this.#isDrawn) this.#terminal.write('\r\x1b[K')
    this.#isDrawn = false
  }

  #dim(text) {
    return process.env.NO_COLOR ? text : `\x1b[2m${text}\x1b[22m`
  }
}

const LINES = {
  fallback: ({ to, reason }) => `→ ${to}: ${reason}`,
  permission: ({ permission, patterns, status, reply = status }) =>
    `? ${permission} ${patterns.join(' ')}: ${reply}`,
  question: ({ questions, status, reply = status }) =>
    `? ${questions.map((each) => each?.question).join(' ')} ${Array.isArray(reply) ? reply.flat().join(', ') : reply}`,
  retry: ({ attempt, message }) => `↻ attempt ${attempt} failed: ${message}`,
  reconnect: ({ recovered }) =>
    recovered ? undefined : '↻ the connection to OpenCode was lost; making it again',
}

function summary({ usage, cost, sessionID }, milliseconds) {
  const price = cost > 0 ? [`$${cost.toFixed(4)}`] : []
  const tokens = [
    `${usage.input + usage.cacheRead + usage.cacheWrite} in`,
    `${usage.output + usage.reasoning} out`,
  ]
  return [...tokens, ...price, `${(milliseconds / 1000).toFixed(1)} s`, sessionID ?? 'no session'].join(' · ')
}

/** What a tool works on: the first of its arguments that is text. */
function subject(input) {
  return Object.values(input ?? {}).find((value) => typeof value === 'string') ?? ''
}

/** Only a terminal sees it: logs and pipes get nothing. */
function progressOn(stderr, { isWanted }) {
  return isWanted && stderr.isTTY && process.env.TERM !== 'dumb' ? new Progress(stderr) : NONE
}

module.exports = { progressOn }
