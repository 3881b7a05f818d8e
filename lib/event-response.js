'use strict'

const { byteStream } = require('./readable-stream.js')

/** Proxies commonly give up a connection that was silent for a minute. */
const HEARTBEAT_MS = 15_000
const HEARTBEAT = ': still here\n\n'

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // `no-transform`: a compressing proxy would hold tokens back until it has enough of them.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/** The events of a turn as server-sent events. Nothing starts before the body is read. */
function eventResponse(iterator, init = {}, heartbeat = HEARTBEAT_MS) {
  let isOver = false
  const read = async () => {
    if (isOver) return undefined
    try {
      const { done, value } = await iterator.next()
      return done ? undefined : record(value)
    } catch (error) {
      isOver = true
      return `event: error\n${record(asJson(error))}`
    }
  }
  const leave = async () => {
    await iterator.return()
  }
  const body = byteStream({ read, leave, every: heartbeat, idle: HEARTBEAT })
  return new Response(body, { ...init, headers: headersOver(init?.headers) })
}

/** JSON has no line breaks of its own, so one `data:` line holds it. */
function record(value) {
  return `data: ${JSON.stringify(value)}\n\n`
}

function asJson(error) {
  if (typeof error?.toJSON === 'function') return error.toJSON()
  return { name: error?.name ?? 'Error', message: String(error?.message ?? error) }
}

function headersOver(given) {
  const headers = new Headers(HEADERS)
  for (const [name, value] of new Headers(given ?? {})) headers.set(name, value)
  return headers
}

module.exports = { eventResponse }
