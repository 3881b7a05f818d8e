'use strict'

const { reading } = require('./invalid-option.js')
const { OpenCodeError } = require('./opencode-error.js')
const { publicError, publicEvent } = require('./public-words.js')
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

/** Status and headers over ours. What no response can have is refused before anything is claimed or begun. */
function readInit(init) {
  return reading('The init of toResponse()', () => {
    const read = { ...init, headers: headersOver(init?.headers) }
    new Response('', read)
    return read
  })
}

/** The events of a turn as server-sent events. Nothing starts before the body is read. */
function eventResponse(iterator, init = readInit(), heartbeat = HEARTBEAT_MS) {
  let isOver = false
  const leave = async () => {
    await iterator.return()
  }
  const read = async () => {
    if (isOver) return leave()
    try {
      const { done, value } = await iterator.next()
      return done ? undefined : eventRecord(value)
    } catch (error) {
      // Mostly the turn is over then; where an event could not be written down, the next pull leaves it.
      isOver = true
      return `event: error\n${record(publicError(error))}`
    }
  }
  const body = byteStream({ read, leave, every: heartbeat, idle: HEARTBEAT })
  return new Response(body, init)
}

function eventRecord(event) {
  try {
    return record(publicEvent(event))
  } catch (cause) {
    throw new OpenCodeError(
      `An event of the type '${event.type}' is too large or too deep to be written as JSON`,
      {
        code: 'ERR_OPENCODE_LIMIT',
        cause,
        accepted: true,
        sessionID: event.sessionID,
      },
    )
  }
}

/** JSON has no line breaks of its own, so one `data:` line holds it. */
function record(value) {
  return `data: ${JSON.stringify(value)}\n\n`
}

function headersOver(given) {
  const headers = new Headers(HEADERS)
  for (const [name, value] of new Headers(given ?? {})) headers.set(name, value)
  return headers
}

module.exports = { eventResponse, readInit }
