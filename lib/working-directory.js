'use strict'

const path = require('node:path')
const { invalid } = require('./invalid-option.js')

/** `process.cwd()`, which throws once that folder was removed. */
function workingDirectory() {
  return inside(() => process.cwd(), 'The working directory of this process', 'is gone')
}

/** An absolute path; only a relative one needs a working directory. */
function fromHere(place, subject) {
  return inside(
    () => path.resolve(place),
    subject,
    'is relative, and the working directory of this process is gone',
  )
}

function inside(find, subject, problem) {
  try {
    return find()
  } catch (cause) {
    throw invalid(subject, problem, 'Pass `directory` and other paths as absolute ones.', cause)
  }
}

module.exports = { fromHere, workingDirectory }
