'use strict'

const { wrongValue, refuseUnknownKeys, snapshot } = require('./invalid-option.js')

const HINT =
  "Pass 'provider/model', e.g. 'anthropic/claude-sonnet-4-5', or { providerID, modelID }; `opencode models` lists them."

/** 'provider/model' is split at the first slash: model names contain slashes of their own. */
function readModel(value, subject) {
  const { providerID, modelID } = typeof value === 'string' ? split(value) : fromObject(value, subject)
  if (isName(providerID) && isName(modelID)) return { providerID, modelID }
  throw wrongValue(subject, value, 'a provider and a model', HINT)
}

function split(value) {
  const slash = value.indexOf('/')
  return slash === -1 ? {} : { providerID: value.slice(0, slash), modelID: value.slice(slash + 1) }
}

function fromObject(value, subject) {
  const names = snapshot(value)
  if (names === undefined) throw wrongValue(subject, value, 'a string or an object', HINT)
  refuseUnknownKeys(names, ['providerID', 'modelID'], '`model`')
  return names
}

function isName(value) {
  return typeof value === 'string' && value.trim() !== ''
}

module.exports = { readModel }
