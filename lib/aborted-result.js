'use strict'

/**
 * The result of a turn that was aborted, as far as `lib/` knows of it: by default of one that was never sent. Native code
 * makes the same of a turn that is aborted before its prompt (`src/turn_driver/mod.rs`).
 */
function abortedResult({ text = '', sessionID, route, granularity, generation, version }) {
  return {
    ...{ text, sessionID, messageID: undefined, route, granularity, generation, version },
    finishReason: 'abort',
    usage: { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 },
    ...{ cost: 0, parts: [], asks: [], reconnects: 0, discarded: 0 },
  }
}

module.exports = { abortedResult }
