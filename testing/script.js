'use strict'

const { playerOf } = require('./play.js')

/** What a model will say: matchers first, in the order they were given, then the queue, then the fallback. */
class Script {
  #queue = []
  #matchers = []
  #fallback

  constructor(fallback = [unscripted]) {
    this.#fallback = checked(fallback)
  }

  reply(steps) {
    this.#queue.push(checked(steps))
  }

  when(matcher, steps) {
    const entry = { matches: matching(matcher), steps: checked(steps), left: Infinity }
    this.#matchers.push(entry)
    const handle = {
      times(count) {
        if (!(count >= 0)) throw new TypeError(`times(${count}): give the number of requests it may answer`)
        entry.left = count
        return handle
      },
    }
    return handle
  }

  /** Takes the steps for this request out of the script. */
  take(request) {
    const entry = this.#matchers.find(({ left, matches }) => left > 0 && matches(request))
    if (!entry) return this.#queue.shift() ?? this.#fallback
    entry.left -= 1
    return entry.steps
  }
}

function checked(steps) {
  for (const step of steps) if (typeof step !== 'function') playerOf(step)
  return steps
}

function matching(matcher) {
  if (typeof matcher === 'function') return matcher
  if (typeof matcher === 'string') return ({ prompt }) => prompt.includes(matcher)
  // A fresh search each time: a sticky or global expression would remember where it stopped.
  if (matcher instanceof RegExp) return ({ prompt }) => prompt.search(matcher) !== -1
  throw new TypeError(`when() takes a string, a RegExp or a function of the request, not ${String(matcher)}`)
}

/** Says in the answer itself what the test forgot. */
function unscripted({ prompt }) {
  const shown = prompt.length > 80 ? `${prompt.slice(0, 80)}…` : prompt
  return { type: 'text', tokens: `No reply is scripted for: ${shown}`.match(/\s*\S+|\s+$/g), pace: 0 }
}

module.exports = { Script }
