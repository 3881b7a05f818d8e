'use strict'

/** An id for each tool call of a turn. Some providers count from `call_0` in each step; each call is a part of its own. */
class CallIds {
  #byPart = new Map()
  #taken = new Set()

  idOf({ partID, callID }) {
    const known = this.#byPart.get(partID)
    if (known !== undefined) return known
    const id = this.#taken.has(callID) ? `${callID}:${partID}` : callID
    this.#byPart.set(partID, id)
    this.#taken.add(id)
    return id
  }
}

module.exports = { CallIds }
