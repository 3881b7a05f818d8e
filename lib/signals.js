'use strict'

/** What waits for each signal. One listener for all of it: Node warns of a leak at the eleventh on one signal. */
const waiting = new WeakMap()

/** Calls `callback` once when `signal` aborts; the returned function calls that off. `signal` may be absent. */
function onAbort(signal, callback) {
  if (!signal) return () => {}
  const entry = waiting.get(signal) ?? listen(signal)
  const own = { callback }
  entry.all.add(own)
  return () => {
    if (entry.all.delete(own) && entry.all.size === 0) forget(signal, entry)
  }
}

function listen(signal) {
  const entry = { all: new Set() }
  entry.listener = () => {
    const all = [...entry.all]
    entry.all.clear()
    forget(signal, entry)
    for (const { callback } of all) callback()
  }
  waiting.set(signal, entry)
  signal.addEventListener('abort', entry.listener)
  return entry
}

function forget(signal, entry) {
  if (waiting.get(signal) === entry) waiting.delete(signal)
  signal.removeEventListener('abort', entry.listener)
}

/** `signal.reason`; for a signal without one, or one that cannot be read, the error that a platform would make. */
function reasonOf(signal) {
  try {
    if (signal.reason !== undefined) return signal.reason
  } catch {}
  return new DOMException('This operation was aborted', 'AbortError')
}

module.exports = { onAbort, reasonOf }
