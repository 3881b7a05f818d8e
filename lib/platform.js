'use strict'

const path = require('node:path')
const { fromHere } = require('./working-directory.js')

/**
 * One environment over another. Windows knows a variable by any case, and has it once: what comes later replaces what
 * came before, and OpenCode's own variables get the case we look for them by.
 */
function mergeEnvironment(under, over, platform = process.platform) {
  if (platform !== 'win32') return { __proto__: null, ...under, ...over }
  const names = new Map()
  const merged = { __proto__: null }
  for (const [name, value] of [...Object.entries(under), ...Object.entries(over)]) {
    const key = name.toUpperCase()
    if (!names.has(key)) names.set(key, key.startsWith('OPENCODE_') ? key : name)
    merged[names.get(key)] = value
  }
  return merged
}

/** A directory as the server knows it. One that begins with `/` is on Windows a place inside a named server's WSL. */
function resolveDirectory(directory, isNamed, platform = process.platform) {
  if (platform !== 'win32') return fromHere(directory, 'Option `directory`')
  const isPosix = isNamed && directory.startsWith('/') && !directory.startsWith('//')
  return isPosix ? path.posix.resolve(directory) : path.win32.resolve(directory)
}

module.exports = { mergeEnvironment, resolveDirectory }
