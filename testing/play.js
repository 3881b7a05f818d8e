'use strict'

const { setTimeout: sleep } = require('node:timers/promises')

const until = (signal) =>
  new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

async function tokens(step, answer, signal) {
  for (const [index, token] of step.tokens.entries()) {
    if (index > 0 && step.pace > 0) await sleep(step.pace, undefined, { signal })
    step.gate?.leaving()
    await answer.token(step.type, token)
    // Also after the last token: an end that overtakes it would hide a reader that waits for the end.
    await step.gate?.caughtUp(signal)
  }
}

const PLAYERS = {
  text: tokens,
  reasoning: tokens,
  'tool-call': (step, answer) => answer.toolCall(step),
  pause: (step, _answer, signal) => sleep(step.ms, undefined, { signal }),
  fail: (step, answer) => answer.fail(step),
  cut: (_step, answer) => answer.cut(),
  hang: (_step, _answer, signal) => until(signal),
  finish: (step, answer) => answer.finish(step.reason),
  usage: (step, answer) => answer.usage(step.tokens),
}

/** Plays the steps of one reply; a function among them is asked for steps once its turn comes. */
async function play(steps, request, answer, signal) {
  for (const step of steps) {
    signal.throwIfAborted()
    if (typeof step === 'function') await playNested(await step(request), request, answer, signal)
    else await playerOf(step)(step, answer, signal)
    if (answer.over) return
  }
}

function playNested(steps, request, answer, signal) {
  return play(Array.isArray(steps) ? steps : [steps], request, answer, signal)
}

function playerOf(step) {
  const player = PLAYERS[step?.type]
  if (player) return player
  const kinds = 'text, reasoning, toolCall, pause, fail, cut, hang, finish, usage'
  throw new TypeError(`A reply is made of steps (${kinds}) or functions returning them, not ${String(step)}`)
}

module.exports = { play, playerOf }
