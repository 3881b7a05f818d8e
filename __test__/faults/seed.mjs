// The chance behind a fault run: the same seed makes the same choices.

/** From OPENCODE_STREAM_FAULT_SEED, or a new one; whoever fails prints it. */
export function seedOfTheRun() {
  const given = process.env.OPENCODE_STREAM_FAULT_SEED
  return given ? Number(given) : Math.floor(Math.random() * 2 ** 32)
}

/** mulberry32. */
export function random(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    /** A whole number from 0 to `below - 1`. */
    below: (below) => Math.floor(next() * below),
    chance: (probability) => next() < probability,
    pick: (choices) => choices[Math.floor(next() * choices.length)],
  }
}

/** A chance of its own for the `n`-th of its kind, whatever happens to the others. */
export function randomOf(seed, kind, n) {
  let mixed = seed ^ Math.imul(n + 1, 0x9e3779b1)
  for (const char of kind) mixed = Math.imul(mixed ^ char.charCodeAt(0), 0x01000193)
  return random(mixed)
}
