'use strict'

const { generateStream } = require('../index.js')
const { version } = require('../package.json')
const { readArguments, usage, UsageError } = require('./arguments.js')
const { onSignals } = require('./leaving.js')
const { jsonOutput, textOutput } = require('./output.js')
const { progressOn } = require('./progress.js')
const { readPrompt } = require('./prompt.js')

const FAILED = 1
const USAGE = 2

const { stdout, stderr } = process

async function main(argv) {
  // A terminal that was closed cannot be told anything.
  stderr.on('error', () => {})
  try {
    const command = readArguments(argv)
    if (command.help) stdout.write(usage())
    else if (command.version) stdout.write(`${version}\n`)
    else process.exitCode = await run(command)
  } catch (error) {
    process.exitCode = isUsage(error) ? USAGE : FAILED
    tell(error)
  }
}

/** Streams one prompt; resolves with the exit code. */
async function run({ words, options, format }) {
  const prompt = await readPrompt(words, { notice: say })
  const stream = generateStream(prompt, options)
  const progress = progressOn(stderr, { isWanted: format !== 'json' })
  const output = format === 'json' ? jsonOutput(stdout) : textOutput(stdout, progress)
  let leftWith
  const leave = (code) => {
    leftWith ??= code
    stream.abort()
  }
  const forget = onSignals((code) => {
    progress.note('interrupted: waiting for OpenCode to stop; once more ends at once')
    leave(code)
  })
  // A reader that goes away, such as `head`, has read enough: the turn stops, and that is no failure.
  stdout.on('error', ({ code }) => leave(code === 'EPIPE' ? 0 : FAILED))
  try {
    for await (const event of stream.events) await output.show(event)
    const result = await stream.result
    await output.end()
    progress.end(result)
    return leftWith ?? codeOf(result)
  } catch (error) {
    progress.end()
    if (leftWith !== undefined) return leftWith
    await output.fail(error)
    throw error
  } finally {
    forget()
  }
}

/** A turn whose ask was rejected has not done what it was asked for, and without a terminal nobody would know. */
function codeOf({ finishReason, asks }) {
  if (finishReason !== 'rejected') return 0
  for (const { permission, patterns } of asks.filter(({ reply }) => reply === 'reject')) {
    say(permission ? `Rejected: ${permission} ${patterns.join(' ')}` : 'A question of the agent was rejected')
  }
  say('The turn ended there. Pass `--permission allow` to let tools do what they ask for.')
  return FAILED
}

function isUsage(error) {
  return error instanceof UsageError || /_(INVALID|UNSUPPORTED)_OPTION$/.test(error?.code)
}

function tell(error) {
  if (error instanceof UsageError) {
    say(error.message)
    return stderr.write('Try `opencode-stream --help`.\n')
  }
  if (error?.code === undefined) return stderr.write(`${error?.stack ?? error}\n`)
  say(error.message)
  if (error.hint) stderr.write(`  hint: ${error.hint}\n`)
  stderr.write(`  code: ${error.code}\n`)
}

function say(message) {
  stderr.write(`opencode-stream: ${message}\n`)
}

module.exports = { main }
