'use strict'

const path = require('node:path')
const { invalid, isPlainObject } = require('./invalid-option.js')
const { mergeEnvironment } = require('./platform.js')

/** What we may start for a turn, and how; null when it has to do with what is there. */
function launchRequest(settings, env) {
  const { cliPath, config } = settings
  const environment = mergeEnvironment(stringsOf(env), settings.env ?? {})
  return {
    executable: asPath(cliPath ?? (environment.OPENCODE_BIN || null)),
    package: installedPackage(),
    environment,
    config: config === undefined ? null : merge(inheritedConfig(environment), config),
  }
}

function stringsOf(env) {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => typeof value === 'string'))
}

/** A bare name is looked for on PATH; anything else is a place, seen from here and not from `directory`. */
function asPath(executable) {
  return executable !== null && /[\\/]/.test(executable) ? path.resolve(executable) : executable
}

/** Seen from where this package is installed, never from `directory`: that one may be anybody's. */
function installedPackage() {
  try {
    return path.dirname(require.resolve('opencode-ai/package.json'))
  } catch {
    return null
  }
}

function inheritedConfig({ OPENCODE_CONFIG_CONTENT: json }) {
  if (!json) return {}
  try {
    return JSON.parse(json)
  } catch {
    throw invalid(
      'Environment variable OPENCODE_CONFIG_CONTENT',
      'is not JSON, so `config` cannot be merged over it',
      'Correct the variable, or leave out `config`.',
    )
  }
}

/** Objects merge key by key, all the way down; anything else is replaced. */
function merge(under, over) {
  if (!isPlainObject(under) || !isPlainObject(over)) return over
  const merged = { ...under }
  for (const [key, value] of Object.entries(over)) merged[key] = merge(under[key], value)
  return merged
}

module.exports = { launchRequest }
