'use strict'

const { abortedResult } = require('../lib/aborted-result.js')
const { SEPARATOR } = require('../lib/separator.js')

/**
 * A recording in the place of native code, for the streams of lib/: what it takes is what has arrived, and each event
 * arrives as `speed` says, or, without a speed, when it is asked for.
 */
class ReplayedTurn {
  #recording
  #bell
  #next = 0
  #unread = []
  #outcome = null
  #said = ''
  #textPart
  #start = {}
  #timer
  #isInTime
  #isRead = false

  constructor(recording, { speed = Infinity }, bell) {
    this.#recording = recording
    this.#bell = bell
    this.#isInTime = speed < Infinity
    if (this.#isInTime) this.#arriveInTime(speed, performance.now())
    // Where only the result is awaited nobody asks for events.
    else setImmediate(() => this.#isRead || this.#arriveAll())
  }

  get sessionID() {
    return this.#start.sessionID ?? null
  }

  takeText() {
    for (;;) {
      const taken = this.#take()
      if (taken === undefined) return null
      if (taken.text !== '') return taken.text
    }
  }

  takeEvents() {
    const taken = this.#take()
    if (taken === undefined) return null
    return taken.event.type === 'error' ? null : JSON.stringify([taken.event])
  }

  /** What was asked was answered when it was recorded. */
  takeAsks() {
    return null
  }

  outcome() {
    return this.#outcome === null ? null : JSON.stringify(this.#outcome)
  }

  leave() {
    clearTimeout(this.#timer)
    if (this.#outcome !== null) return
    // Of the rest nobody knows what it would have been.
    const result = abortedResult({ ...this.#start, text: this.#said })
    this.#next = this.#recording.length
    this.#unread.push({ event: { type: 'finish', sessionID: result.sessionID, result }, text: '' })
    this.#end({ result })
  }

  #take() {
    this.#isRead = true
    if (this.#unread.length === 0 && !this.#isInTime) this.#arrive()
    return this.#unread.shift()
  }

  #arrive() {
    if (this.#next === this.#recording.length) return
    const { event } = this.#recording[this.#next++]
    if (event.type === 'start') this.#start = event
    this.#unread.push({ event, text: this.#textOf(event) })
    if (event.type === 'finish') this.#end({ result: event.result })
    if (event.type === 'error') this.#end({ error: event.error })
  }

  #arriveAll() {
    while (this.#next < this.#recording.length) this.#arrive()
  }

  #arriveInTime(speed, began) {
    const { at } = this.#recording[this.#next]
    this.#timer = setTimeout(
      () => {
        this.#arrive()
        this.#bell()
        if (this.#outcome === null) this.#arriveInTime(speed, began)
      },
      at / speed - (performance.now() - began),
    )
  }

  /** What the event adds to the answer's text, with the blank line between two parts. */
  #textOf({ type, delta, partID, parentSessionID }) {
    if (type !== 'text-delta' || parentSessionID !== undefined) return ''
    const joint = this.#textPart === undefined || this.#textPart === partID ? '' : SEPARATOR
    this.#textPart = partID
    this.#said += joint + delta
    return joint + delta
  }

  /** Never from within a call, as in native code. */
  #end(outcome) {
    this.#outcome = outcome
    setImmediate(this.#bell)
  }
}

module.exports = { ReplayedTurn }
