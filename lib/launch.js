'use strict'

const path = require('node:path')
const { invalid, isPlainObject } = require('./invalid-option.js')
const { mergeEnvironment } = require('./platform.js')
const { fromHere } = require('./working-directory.js')

/** What we may start for a turn, and how; null when it has to do with what is there. */
function launchRequest(settings, env) {
  const { cliPath, config } = settings
  const environment = mergeEnvironment(stringsOf(env), settings.env ?? {})
  return {
    executable: asPath(cliPath ?? (environment.OPENCODE_BIN || null)),
    package: installedPackage(),
    environment,
    given: Object.keys(settings.env ?? {}),
    config: config === undefined ? null : checkedSize(merge(inheritedConfig(environment), config)),
  }
}

function stringsOf(env) {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => typeof value === 'string'))
}

/** A bare name is looked for on PATH; anything else is a place, seen from here and not from `directory`. */
function asPath(executable) {
  return executable !== null && /[\\/]/.test(executable)
    ? fromHere(executable, 'The path of the executable')
    : executable
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

/**
 * The configuration travels in the one variable that outranks the project's own. A file would rank below it, and have
 * another base folder for relative paths: so what is too large for the variable is refused.
 */
function checkedSize(config) {
  const { longestValue } = require('./longest-variable.js')
  const most = longestValue('OPENCODE_CONFIG_CONTENT')
  const size = Buffer.byteLength(JSON.stringify(config))
  if (size <= most) return config
  throw invalid(
    'Option `config`',
    `is ${size} bytes as JSON, but the system passes on at most ${most}`,
    'Name files for its longest texts, e.g. `prompt: "{file:/absolute/path}"`, or put it into a file of your own and pass `env: { OPENCODE_CONFIG: path }`, which ranks below the configuration of the project.',
  )
}

/** Objects merge key by key, all the way down; anything else is replaced. */
function merge(under, over) {
  if (!isPlainObject(under) || !isPlainObject(over)) return over
  // Without a prototype, `__proto__` is a key like any other.
  const merged = { __proto__: null, ...under }
  for (const [key, value] of Object.entries(over)) merged[key] = merge(merged[key], value)
  return merged
}

module.exports = { launchRequest }
