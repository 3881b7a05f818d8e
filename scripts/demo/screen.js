'use strict'

const { harmless, harmlessJson } = require('../../lib/harmless.js')

// The answer goes to stdout, everything about it to stderr: `npm run demo > answer.txt` keeps the answer only.

const STYLES = { dim: ['\x1b[2m', '\x1b[22m'], red: ['\x1b[31m', '\x1b[39m'], cyan: ['\x1b[36m', '\x1b[39m'] }

function styled(style, text) {
  if (!process.stderr.isTTY || process.env.NO_COLOR) return text
  const [on, off] = STYLES[style]
  return `${on}${text}${off}`
}

const aside = (style, text) => process.stderr.write(styled(style, harmless(text)))

/** Character for character into a pipe or a file, and harmless to a terminal. */
const answer = (text) => process.stdout.write(process.stdout.isTTY ? harmless(text) : text)

function announce(title) {
  aside('cyan', `\n=== ${title}\n`)
}

async function showTurn(prompt, stream) {
  aside('dim', `\n> ${prompt}\n\n`)
  const started = performance.now()
  const seen = { chunks: 0, first: undefined, last: '' }
  for await (const event of stream.events) {
    if (event.type === 'text-delta') {
      seen.first ??= performance.now() - started
      seen.chunks += 1
      seen.last = event.delta
    }
    SHOW[event.type]?.(event)
  }
  if (!seen.last.endsWith('\n')) process.stdout.write('\n')
  aside('dim', '\n')
  showEnd(await stream.result, { ...seen, total: performance.now() - started })
}

const SHOW = {
  start: (event) => aside('dim', `streaming from ${nameOf(event)}, route ${event.route}\n\n`),
  'text-delta': ({ delta }) => answer(delta),
  'reasoning-delta': ({ delta }) => aside('dim', delta),
  'reasoning-end': () => aside('dim', '\n\n'),
  tool: showTool,
  permission: ({ permission, patterns, reply }) => {
    aside('cyan', `[permission] ${permission} ${patterns?.join(' ') ?? ''}: ${reply}\n`)
  },
  retry: ({ attempt, message }) => aside('red', `[retry ${attempt}] ${message}\n`),
  fallback: ({ from, to, reason }) => aside('dim', `[${from} → ${to}] ${reason}\n`),
}

function showTool({ tool, status, input, output, error }) {
  if (status === 'completed') aside('cyan', `[${tool}] ${harmlessJson(input)}\n${indented(output)}\n`)
  if (status === 'error') aside('red', `[${tool}] ${harmlessJson(input)}\n${indented(error)}\n`)
}

function indented(text = '') {
  const lines = String(text).trimEnd().split('\n')
  const shown = lines.length > 8 ? [...lines.slice(0, 8), `… ${lines.length - 8} more lines`] : lines
  return shown.map((line) => `    ${line}\n`).join('')
}

/** Old releases do not say which one they are. */
function nameOf({ version, generation }) {
  return version ? `OpenCode ${version}` : `an OpenCode ${generation} of unknown version`
}

function showEnd({ sessionID, usage, finishReason, ...from }, { chunks, first, total }) {
  const seconds = (ms) => (ms === undefined ? 'never' : `${(ms / 1000).toFixed(2)} s`)
  aside('dim', `from     ${nameOf(from)}, route ${from.route}\n`)
  aside('dim', `session  ${sessionID} (${finishReason})\n`)
  aside('dim', `tokens   ${usage.input} in, ${usage.output} out, ${usage.reasoning} reasoning\n`)
  aside(
    'dim',
    `time     first text after ${seconds(first)}, all of it in ${chunks} chunk${chunks === 1 ? '' : 's'} after ${seconds(total)}\n`,
  )
}

function showError(error) {
  announce('The demo failed')
  // Its message and its hint are harmless already, and Node escapes the rest.
  console.error(error.hint ? `${error.code}: ${error.message}\n${error.hint}` : error)
}

module.exports = { announce, showTurn, showError }
