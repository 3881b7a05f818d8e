'use strict'

// `npm run faults -- --turns 1000 --seed 7`: turns while connections break at random, as many as you like.
// The seed makes the same choices again; without one it is new, and is printed.

const { parseArgs } = require('node:util')
const { prepare } = require('./build.js')
const { run } = require('./steps.js')

const { values } = parseArgs({
  options: { turns: { type: 'string', default: '1000' }, seed: { type: 'string' } },
})
process.env.OPENCODE_STREAM_FAULT_TURNS = values.turns
if (values.seed) process.env.OPENCODE_STREAM_FAULT_SEED = values.seed
prepare()
run('npx', 'vitest', 'run', '__test__/faults/turns.test.js')
