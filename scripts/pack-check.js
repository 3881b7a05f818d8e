'use strict'

// `npm run pack:check`: what would be published, packed, installed into an empty folder and tried in every runtime.

const { prepare } = require('./build.js')
const { announce, run } = require('./steps.js')

function packCheck(...vitestArguments) {
  prepare()
  announce('The package, packed and installed')
  run('npm', 'run', '--silent', 'pack:check:built', '--', ...vitestArguments)
}

module.exports = { packCheck }

if (require.main === module) packCheck(...process.argv.slice(2))
