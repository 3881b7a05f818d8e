'use strict'

// Taken at load time: a user's tests may put fake timers in the place of the global ones.
const { clearTimeout, setTimeout } = require('node:timers')

/**
 * A web stream of what `iterator` yields. It asks only when it is read (`highWaterMark: 0`), so the turn stays cold
 * until then and a slow reader is waited for. Cancelling it leaves the turn, and waits for that.
 */
function readableStream(iterator) {
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await iterator.next()
        if (done) close(controller)
        else controller.enqueue(value)
      },
      cancel: () => leave(iterator),
    },
    { highWaterMark: 0 },
  )
}

/**
 * The bytes of a response. What `read()` resolves with is encoded, up to `undefined`; when it has nothing for `every`
 * milliseconds, `idle` goes out instead, so that nobody in between takes a thinking model for a dead connection.
 */
function byteStream({ read, leave, every, idle }) {
  const encoder = new TextEncoder()
  let reading
  return new ReadableStream(
    {
      async pull(controller) {
        reading ??= read()
        const text = await within(every, reading, idle)
        if (text !== idle) reading = undefined
        if (text === undefined) close(controller)
        else controller.enqueue(encoder.encode(text))
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  )
}

/** A cancelled stream is closed already, and its last pull may still be answered. */
function close(controller) {
  try {
    controller.close()
  } catch {}
}

async function leave(iterator) {
  await iterator.return()
}

function within(milliseconds, promise, otherwise) {
  let timer
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds, otherwise)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

module.exports = { readableStream, byteStream }
