'use strict'

/** Stands between two texts of the answer, in the stream as in `result.text`. `src/protocol/stream_event.rs` has it too. */
const SEPARATOR = '\n\n'

module.exports = { SEPARATOR }
