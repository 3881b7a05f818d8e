'use strict'

// `npm run demo`: a real OpenCode streams a scripted answer; nothing needs to be installed or paid for.
// `npm run demo -- --live "prompt"`: your own OpenCode, with your own model, answers the prompt.

const { prepare } = require('./build.js')

const USAGE = `Usage: npm run demo                      a scripted model answers; offline but for the first run
       npm run demo -- --opencode 2      the same with OpenCode 2
       npm run demo -- --live "prompt"   your own OpenCode answers, in the current directory`

function main(words) {
  const options = readWords(words)
  if (!options) {
    console.error(USAGE)
    process.exitCode = 2
    return
  }
  prepare()
  // Only now: before, these files may lack what they need.
  const { stageFor } = require('./demo/stage.js')
  perform(stageFor(options))
}

function readWords(words) {
  if (words.length === 0) return { live: false, generation: 1 }
  if (words.length === 2 && words[0] === '--opencode' && ['1', '2'].includes(words[1]))
    return { live: false, generation: Number(words[1]) }
  const [flag, ...prompt] = words
  return flag === '--live' && prompt.length > 0 ? { live: true, prompt: prompt.join(' ') } : undefined
}

/** Streams the prompt of one stage; whatever happens, the stage is cleared. */
async function perform(stage) {
  const { showTurn, showError } = require('./demo/screen.js')
  const { generateStream } = require('../index.js')
  const interrupt = onInterrupt()
  try {
    const { prompt, options } = await stage.open()
    await showTurn(prompt, generateStream(prompt, { ...options, signal: interrupt.signal() }))
  } catch (error) {
    if (!interrupt.happened()) {
      showError(error)
      process.exitCode = 1
    }
  } finally {
    await stage.close()
    interrupt.forget()
  }
}

/**
 * While a turn runs, the first signal ends it in good order. Before that, and from the second one on, the process
 * exits at once: the testing kit then ends what it started.
 */
function onInterrupt() {
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }
  const names = Object.keys(codes)
  let leaving
  const leave = (code, why) => {
    if (!leaving || leaving.signal.aborted) process.exit(code)
    process.exitCode = code
    leaving.abort(new Error(why))
  }
  const listener = (name) => leave(codes[name], `ended by ${name}`)
  for (const name of names) process.on(name, listener)
  // A reader that goes away, such as `head`, ends the demo too.
  process.stdout.on('error', () => leave(0, 'nobody reads any more'))
  return {
    happened: () => leaving?.signal.aborted === true,
    signal() {
      leaving = new AbortController()
      return leaving.signal
    },
    forget() {
      for (const name of names) process.off(name, listener)
    },
  }
}

main(process.argv.slice(2))
