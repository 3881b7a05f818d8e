// Whether a client gave out what was sent: figures of a wrong answer count for nothing.

import { REAL_TEXT } from './real-text.mjs'
import { characters as charactersSent } from './replay-server.mjs'

/** Throws where an answer is not the one that was sent. `texts`: of each turn, where they were kept. */
export async function expectAnswers({ job, pace, events, characters, stamps, texts }) {
  const { contender, server, real } = job
  const complain = (what) => {
    throw new Error(`${contender} on OpenCode ${server.generation} gave out ${what}`)
  }
  if (real) {
    if (characters !== REAL_TEXT.length) complain(`${characters} of ${REAL_TEXT.length} characters`)
    if (texts && texts[0].join('') !== REAL_TEXT) complain('another text')
    return
  }
  if (pace) {
    if (stamps !== events) complain(`${stamps} of ${events} tokens`)
  } else {
    const sent = await charactersSent(server.url)
    if (characters !== sent) complain(`${characters} of ${sent} characters`)
  }
  texts?.forEach((pieces, turn) => {
    const text = pieces.join('')
    const isRight = pace ? isInOrder(text) : text === counted(text.length / 5)
    if (!isRight) complain(`another text in turn ${turn}`)
  })
}

/** The tokens of the replay server: each its number. */
function counted(tokens) {
  return Array.from({ length: tokens }, (_, n) => `${String(n % 10_000).padStart(4, '0')} `).join('')
}

/** Those that say when they were sent. */
function isInOrder(text) {
  const stamps = text.trim().split(' ')
  return stamps.every((stamp, at) => at === 0 || BigInt(stamp.slice(1)) > BigInt(stamps[at - 1].slice(1)))
}
