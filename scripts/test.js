'use strict'

// Builds what is outdated, then runs every test. Arguments go to vitest: `npm test -- options`.

const { prepare } = require('./build.js')
const { announce, run } = require('./steps.js')

function test(...vitestArguments) {
  prepare()
  announce('Rust tests')
  // All of them; `npm run test:rust` runs those of the pure core, and builds little for it.
  run('cargo', 'test')
  announce('JavaScript tests')
  run('npx', 'vitest', 'run', ...vitestArguments)
}

module.exports = { test }

if (require.main === module) test(...process.argv.slice(2))
