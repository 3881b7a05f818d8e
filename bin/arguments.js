'use strict'

const { parseArgs } = require('node:util')
const { closest } = require('../lib/did-you-mean.js')
const { fromHere } = require('../lib/working-directory.js')

/** The flags of `opencode run`, by the same names, and those of our own: how they are read, and what they say. */
const FLAGS = {
  model: { short: 'm', value: 'provider/model', option: 'model', help: 'model to use' },
  agent: { value: 'name', option: 'agent', help: 'agent to use' },
  variant: {
    value: 'name',
    option: 'variant',
    help: "variant of the model, e.g. a reasoning effort: 'high'",
  },
  continue: { short: 'c', option: 'continue', help: 'go on with the newest session of the directory' },
  session: { short: 's', value: 'id', option: 'sessionID', help: 'go on with this session' },
  fork: { option: 'fork', help: 'go on in a copy; with --continue or --session' },
  title: { value: 'text', option: 'title', help: 'title of the session' },
  file: {
    short: 'f',
    value: 'path',
    option: 'files',
    multiple: true,
    help: 'attach a file; may be repeated',
  },
  dir: { value: 'path', option: 'directory', help: 'project to work in (default: here)' },
  attach: { value: 'url', option: 'baseUrl', help: 'use this running server' },
  username: { short: 'u', value: 'name', option: 'username', help: 'user name for that server' },
  password: {
    short: 'p',
    value: 'secret',
    option: 'password',
    help: 'its password; OPENCODE_SERVER_PASSWORD is not seen by others',
  },
  mode: { value: 'mode', option: 'mode', help: "'auto' (default), 'server' or 'cli'" },
  permission: {
    value: 'reply',
    option: 'permission',
    help: "to what tools ask for: 'allow', 'reject' or 'leave' (default: an ask fails the turn)",
  },
  format: { value: 'format', help: "'default', or 'json': one event per line" },
  help: { short: 'h', help: 'this text' },
  version: { short: 'v', help: 'the version of opencode-stream' },
}

const FORMATS = ['default', 'json']

/** The command was given wrongly; nothing was sent. */
class UsageError extends Error {}

/** `{ words, options, format, help, version }`; the values of options are checked by lib/. */
function readArguments(argv) {
  const { values, positionals } = parse(argv)
  const { format = 'default', help = false, version = false } = values
  if (!FORMATS.includes(format)) {
    throw new UsageError(`--format is '${format}', but must be 'default' or 'json'`)
  }
  return { words: positionals, options: optionsOf(values), format, help, version }
}

function parse(args) {
  const shapes = Object.entries(FLAGS).map(([name, { short, value, multiple = false }]) => [
    name,
    { type: value ? 'string' : 'boolean', multiple, ...(short && { short }) },
  ])
  try {
    return parseArgs({ args, options: Object.fromEntries(shapes), allowPositionals: true })
  } catch (error) {
    throw new UsageError(withSuggestion(error.message.split('. ')[0]))
  }
}

function withSuggestion(message) {
  const unknown = /^Unknown option '--([^']+)'/.exec(message)?.[1]
  const meant = unknown && closest(unknown, Object.keys(FLAGS))
  return meant ? `${message}. Did you mean '--${meant}'?` : message
}

function optionsOf(values) {
  const options = {}
  for (const [name, value] of Object.entries(values)) {
    const { option } = FLAGS[name]
    if (option === 'permission' && value === 'event') {
      throw new UsageError("--permission is 'event', but must be 'allow', 'reject' or 'leave'")
    }
    if (option) options[option] = option === 'files' ? value.map(place) : value
  }
  return options
}

function place(file) {
  return /^(file|data):/i.test(file) ? file : fromHere(file, 'The path of --file')
}

function usage() {
  const lines = Object.entries(FLAGS).map(([name, { short, value, help }]) => {
    const flag = `${short ? `-${short}, ` : '    '}--${name}${value ? ` <${value}>` : ''}`
    return `  ${flag.padEnd(30)} ${help}`
  })
  return `Usage: opencode-stream [options] [--] <prompt>

Sends the prompt to OpenCode and prints the answer as it is written.

The words of the prompt are joined by spaces. What is piped in is the prompt, or is added to it on a new line;
the prompt '-' reads it from the terminal too. The answer goes to stdout and nothing else does.

${lines.join('\n')}

Exit code: 0, 1 the turn failed, 2 the command is wrong, 130 interrupted. Ctrl-C stops the turn inside OpenCode and
waits for that; a second one ends at once.
`
}

module.exports = { readArguments, usage, UsageError }
