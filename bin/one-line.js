'use strict'

const WIDEST = 100

/** A text as one line of a terminal, of a width that fits most. */
function oneLine(text) {
  // Only its beginning will be seen, and it may be very long.
  const line = text
    .slice(0, 10 * WIDEST)
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > WIDEST ? `${line.slice(0, WIDEST - 1)}…` : line
}

module.exports = { oneLine }
