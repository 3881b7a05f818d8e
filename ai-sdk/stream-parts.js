'use strict'

const { SEPARATOR } = require('../lib/separator.js')
const { CallIds } = require('./call-ids.js')
const { jsonText } = require('./json-text.js')

const EXECUTED = { providerExecuted: true, dynamic: true }

/** Our events as the AI SDK's stream parts. Subagents are left out: their words are not the answer. */
class StreamParts {
  #modelId
  /** Text parts that were begun and not abandoned; a blank line stands between two. */
  #texts = new Set()
  #calls = new Map()
  #ids = new CallIds()

  constructor(modelId) {
    this.#modelId = modelId
  }

  take(event) {
    if (event.parentSessionID !== undefined && event.type !== 'raw') return []
    return this[event.type]?.(event) ?? []
  }

  /** What ends a stream that failed. */
  failed() {
    return { type: 'finish', usage: usageOf({}), finishReason: { unified: 'error', raw: undefined } }
  }

  start({ sessionID }) {
    return [{ type: 'response-metadata', id: sessionID, modelId: this.#modelId, timestamp: new Date() }]
  }

  'text-start'({ partID }) {
    return [{ type: 'text-start', id: partID }]
  }

  'text-delta'({ partID, delta }) {
    const isNext = !this.#texts.has(partID) && this.#texts.size > 0
    this.#texts.add(partID)
    return [{ type: 'text-delta', id: partID, delta: isNext ? SEPARATOR + delta : delta }]
  }

  'text-end'({ partID }) {
    return [{ type: 'text-end', id: partID }]
  }

  'reasoning-start'({ partID }) {
    return [{ type: 'reasoning-start', id: partID }]
  }

  'reasoning-delta'({ partID, delta }) {
    return [{ type: 'reasoning-delta', id: partID, delta }]
  }

  'reasoning-end'({ partID }) {
    return [{ type: 'reasoning-end', id: partID }]
  }

  tool(event) {
    const { tool, status, input, output, error, title, metadata } = event
    const callID = this.#ids.idOf(event)
    const call = this.#calls.get(callID) ?? { isCalled: false, isOver: false }
    const parts = this.#calls.has(callID)
      ? []
      : [{ type: 'tool-input-start', id: callID, toolName: tool, ...EXECUTED }]
    this.#calls.set(callID, call)
    const isOver = status === 'completed' || status === 'error'
    if (!call.isCalled && status !== 'pending') {
      call.isCalled = true
      parts.push(...toolCall(callID, tool, jsonText(input ?? {})))
    }
    if (isOver && !call.isOver) {
      call.isOver = true
      const outcome =
        status === 'error'
          ? { isError: true, result: error ?? 'The tool failed' }
          : { result: json({ output: output ?? '', title, metadata }) }
      parts.push({ type: 'tool-result', toolCallId: callID, toolName: tool, dynamic: true, ...outcome })
    }
    return parts
  }

  retry({ discards }) {
    for (const partID of discards) this.#texts.delete(partID)
    return [{ type: 'discard', ids: discards }]
  }

  raw({ event }) {
    return [{ type: 'raw', rawValue: event }]
  }

  finish({ result }) {
    return [finishPart(result)]
  }
}

function toolCall(callID, tool, input) {
  return [
    { type: 'tool-input-delta', id: callID, delta: input },
    { type: 'tool-input-end', id: callID },
    { type: 'tool-call', toolCallId: callID, toolName: tool, input, ...EXECUTED },
  ]
}

const UNIFIED = {
  stop: 'stop',
  length: 'length',
  'content-filter': 'content-filter',
  'tool-calls': 'tool-calls',
}

function finishPart(result) {
  const { finishReason, usage } = result
  const { sessionID, messageID, route, version, generation, cost, discarded, asks } = result
  const metadata = { sessionID, messageID, route, version, generation, cost, discarded, asks }
  return {
    type: 'finish',
    usage: usageOf(usage),
    finishReason: { unified: UNIFIED[finishReason] ?? 'other', raw: finishReason },
    providerMetadata: { opencode: json(metadata) },
  }
}

function usageOf({ input, output, reasoning, cacheRead, cacheWrite }) {
  return {
    inputTokens: { total: sum(input, cacheRead, cacheWrite), noCache: input, cacheRead, cacheWrite },
    outputTokens: { total: sum(output, reasoning), text: output, reasoning },
  }
}

function sum(...counts) {
  return counts.includes(undefined) ? undefined : counts.reduce((total, count) => total + count, 0)
}

/** Without what JSON has no word for. */
function json(value) {
  return JSON.parse(jsonText(value))
}

module.exports = { StreamParts, finishPart }
