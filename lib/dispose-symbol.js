'use strict'

/** What `await using` calls. Runtimes without it get a symbol of ours, which nobody calls. */
module.exports = Symbol.asyncDispose ?? Symbol.for('opencode-stream.asyncDispose')
