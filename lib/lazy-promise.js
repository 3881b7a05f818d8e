'use strict'

/**
 * A promise whose work begins when somebody first asks for its value. Logging it, comparing it or
 * keeping it begins nothing; and one that nobody asks cannot become an unhandled rejection.
 */
class LazyPromise extends Promise {
  #begin
  #promise

  /** @param {() => Promise<unknown>} begin */
  constructor(begin) {
    super(() => {})
    this.#begin = begin
  }

  // `await`, `catch` and `finally` all arrive here: being a subclass keeps `await` from its shortcut.
  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  then(onFulfilled, onRejected) {
    this.#promise ??= this.#begin()
    return this.#promise.then(onFulfilled, onRejected)
  }

  static get [Symbol.species]() {
    return Promise
  }
}

module.exports = { LazyPromise }
