'use strict'

const vm = require('node:vm')

const LONGEST_TIMER = 2 ** 31 - 1

let context
let script

/**
 * Calls `work` and returns `{ value }`, or `{ isLate: true }` if it still blocks the thread after `milliseconds`: V8
 * then ends it, in the middle of a loop or of a regular expression. What it throws is thrown.
 */
function withinTime(milliseconds, work) {
  context ??= vm.createContext({ __proto__: null })
  script ??= new vm.Script('work()')
  const before = context.work
  context.work = work
  try {
    return { value: script.runInContext(context, { timeout: bounded(milliseconds) }) }
  } catch (error) {
    if (error?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return { isLate: true }
    throw error
  } finally {
    context.work = before
  }
}

function bounded(milliseconds) {
  return Math.min(Math.max(1, Math.ceil(milliseconds)), LONGEST_TIMER)
}

module.exports = { withinTime }
