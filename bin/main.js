'use strict'

const { generateStream } = require('../index.js')
const { version } = require('../package.json')
const { harmless } = require('../lib/harmless.js')
const { OpenCodeError } = require('../lib/opencode-error.js')
const { readArguments, usage, UsageError } = require('./arguments.js')
const { onSignals } = require('./leaving.js')
const { oneLine } = require('./one-line.js')
const { jsonOutput, textOutput } = require('./output.js')
const { progressOn } = require('./progress.js')
const { readPrompt } = require('./prompt.js')

const FAILED = 1
const USAGE = 2
const REJECTED_HINT =
  'Pass `--permission allow` to let tools do what they ask for. The command answers no questions.'

const { stdout, stderr } = process

async function main(argv) {
  // A terminal that was closed cannot be told anything.
  stderr.on('error', () => {})
  const output = watched(stdout)
  try {
    const command = readArguments(argv)
    if (command.help) stdout.write(usage())
    else if (command.version) stdout.write(`${version}\n`)
    else {
      const code = await run(command, output)
      process.exitCode = output.lost ?? code
    }
  } catch (error) {
    process.exitCode = isUsage(error) ? USAGE : FAILED
    tell(error)
  }
}

/** Standard output, and what is to happen when it takes nothing more: `onLost` gets the exit code, once. */
function watched(stdout) {
  const output = { lost: undefined, onLost: () => {} }
  stdout.on('error', (error) => {
    if (output.lost !== undefined) return
    // A reader that goes away, such as `head`, has read enough: that is no failure.
    output.lost = error.code === 'EPIPE' ? 0 : FAILED
    process.exitCode = output.lost
    if (output.lost !== 0) say(`The output cannot be written: ${error.message}`)
    output.onLost(output.lost)
  })
  return output
}

/** Streams one prompt; resolves with the exit code. */
async function run({ words, options, format }, written) {
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
  written.onLost = leave
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
    const what = permission
      ? `Rejected: ${permission} ${patterns.join(' ')}`
      : 'A question of the agent was rejected'
    say(oneLine(what))
  }
  say('The turn ended there. Pass `--permission allow` to let tools do what they ask for.')
  return FAILED
}

function isUsage(error) {
  if (error instanceof UsageError) return true
  return error instanceof OpenCodeError && /_(INVALID|UNSUPPORTED)_OPTION$/.test(error.code)
}

function tell(error) {
  if (error instanceof UsageError) {
    say(error.message)
    return stderr.write('Try `opencode-stream --help`.\n')
  }
  if (!(error instanceof OpenCodeError)) return stderr.write(`${harmless(String(error?.stack ?? error))}\n`)
  say(error.message)
  const hint = error.code === 'ERR_OPENCODE_REJECTED' ? REJECTED_HINT : error.hint
  if (hint) stderr.write(`  hint: ${harmless(hint)}\n`)
  stderr.write(`  code: ${error.code}\n`)
}

function say(message) {
  stderr.write(`opencode-stream: ${harmless(message)}\n`)
}

module.exports = { main }
