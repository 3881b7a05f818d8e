'use strict'

// Exactly what CI runs: format, lints, types, generated files, tests.

const { prepare, BINDING } = require('./build.js')
const { packCheck } = require('./pack-check.js')
const { rustChecks } = require('./rust-checks.js')
const { announce, run } = require('./steps.js')
const { test } = require('./test.js')

prepare()

rustChecks()

announce('JavaScript format and lints')
run('npx', 'biome', 'check', '--error-on-warnings')

announce('Types')
for (const project of ['tsconfig', 'bundler', 'examples'])
  run('npx', 'tsc', '-p', `__test__/types/${project}.json`)

run('npm', 'run', '--silent', 'docs:api', '--', '--check')

announce('Generated files are those of the sources')
run('git', 'diff', '--exit-code', '--', ...BINDING)

announce('Instructions of the pure core')
run('node', 'bench/instructions/check.mjs')

packCheck()

test(...process.argv.slice(2))
