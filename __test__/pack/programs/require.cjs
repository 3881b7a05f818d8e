'use strict'

const opencode = require('opencode-stream')
const turn = require('./turn.cjs')

turn(opencode, (said) => console.log(JSON.stringify(said)))
