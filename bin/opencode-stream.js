#!/usr/bin/env node
'use strict'

const { main } = require('./main.js')

main(process.argv.slice(2))
