'use strict'

const path = require('node:path')
// Taken at load time: a user's tests may put fake timers in the place of the global ones.
const { clearTimeout, setTimeout } = require('node:timers')
const { onAbort } = require('./signals.js')

/**
 * Checks a value against a JSON Schema in a thread of its own, which `signal` ends. Resolves with `{ value: issues }`,
 * null for none, or with `{ isLate: true }` after `milliseconds`.
 */
function checkApart(schema, value, { signal, milliseconds }) {
  const { Worker } = require('node:worker_threads')
  const worker = new Worker(path.join(__dirname, 'json-schema-worker.js'), {
    workerData: { schema: JSON.stringify(schema), value: JSON.stringify(value) },
    execArgv: [],
  })
  const forget = onAbort(signal, () => worker.terminate())
  const checked = new Promise((resolve, reject) => {
    worker.once('message', (issues) => resolve({ value: issues }))
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the thread that checks the answer ended')))
  })
  let timer
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds, { isLate: true })
  })
  return Promise.race([checked, late]).finally(() => {
    clearTimeout(timer)
    forget()
    worker.terminate()
  })
}

module.exports = { checkApart }
