'use strict'

const { execFile } = require('node:child_process')

/** Which of OpenCode's APIs a release speaks. */
function generationOf(version) {
  return /^v?2\./.test(version) ? 2 : 1
}

/** As `generationOf`, of an executable: those of generation 2 put their name before their version. */
function generationOfExecutable(executable, env) {
  return new Promise((resolve) => {
    execFile(executable, ['--version'], { env, timeout: 20_000 }, (_error, stdout = '') => {
      // One that cannot be run says so when it is started.
      resolve(generationOf(/^opencode (v\d+\.\S+)/.exec(stdout)?.[1] ?? ''))
    })
  })
}

module.exports = { generationOf, generationOfExecutable }
