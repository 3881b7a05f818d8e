'use strict'

/** What other libraries, or OpenCode's own command line, call the same thing. */
const ELSEWHERE = {
  abortSignal: 'signal',
  attach: 'baseUrl',
  cwd: 'directory',
  dir: 'directory',
  file: 'files',
  host: 'baseUrl',
  session: 'sessionID',
  url: 'baseUrl',
}

const LONGEST_GUESSED = 64

/** The known name that `name` was probably meant to be, or undefined. */
function closest(name, known) {
  if (Object.hasOwn(ELSEWHERE, name) && known.includes(ELSEWHERE[name])) return ELSEWHERE[name]
  // Nobody meant so long a name, and the comparison takes its length times theirs.
  if (name.length > LONGEST_GUESSED) return undefined
  let best
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    // Of two equally near, the one of the same length: swapped letters are likelier than a missing one.
    const sameLength = candidate.length === name.length ? 0.5 : 0
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase()) - sameLength
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
function editDistance(a, b) {
  let beforeLast = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) row[j] = Math.min(row[j], beforeLast[j - 2] + 1)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]
}

module.exports = { closest }
