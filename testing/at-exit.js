'use strict'

const tasks = new Set()
let listening = false

/** Runs `task` when this process exits; the returned function calls that off. The latest comes first. */
function atExit(task) {
  if (!listening) {
    listening = true
    process.on('exit', () => {
      for (const each of [...tasks].reverse()) each()
    })
  }
  tasks.add(task)
  return () => tasks.delete(task)
}

module.exports = { atExit }
