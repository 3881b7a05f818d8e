'use strict'

// Started by check-apart.js: checks one value, tells what is wrong with it, and ends.

const { parentPort, workerData } = require('node:worker_threads')
const { validatorOf } = require('./json-schema.js')

const { schema, value } = workerData
Promise.resolve(validatorOf(JSON.parse(schema))(JSON.parse(value))).then((issues) =>
  parentPort.postMessage(issues),
)
