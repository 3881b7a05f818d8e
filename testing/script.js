'use strict'

const { harmless } = require('../lib/harmless.js')
const { playerOf } = require('./play.js')

/** What a model will say: matchers first, in the order they were given, then the queue, then the fallback. */
class Script {
  #queue = []
  #matchers = []
  #fallback

  #unscripted = []

  constructor(fallback) {
    this.#fallback = fallback && checked(fallback)
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
    if (!entry) return this.#queue.shift() ?? this.#fallback ?? this.#without(request)
    entry.left -= 1
    return entry.steps
  }

  /** Throws when the test and its script disagree: either shows up late and elsewhere, if at all. */
  verify() {
    const unused = this.#queue.map((steps) => `\n  not used: ${steps.map(described).join(', ')}`)
    const unscripted = this.#unscripted.map((request) => `\n  not scripted: the request '${shown(request)}'`)
    const all = [...unused, ...unscripted]
    if (all.length > 0)
      throw new Error(harmless(`The model was not asked for what was scripted:${all.join('')}`))
  }

  #without(request) {
    this.#unscripted.push(request)
    return [unscripted]
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
function unscripted(request) {
  return {
    type: 'text',
    tokens: `No reply is scripted for: ${shown(request)}`.match(/\s*\S+|\s+$/g),
    pace: 0,
  }
}

function shown({ prompt }) {
  return shortened(prompt)
}

function described(step) {
  if (typeof step === 'function') return 'a function'
  const { type, tokens, name, status } = step
  const what = tokens?.map((token) => `'${token}'`).join(', ') ?? name ?? status ?? ''
  return `${type}(${shortened(String(what))})`
}

function shortened(text) {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

module.exports = { Script }
