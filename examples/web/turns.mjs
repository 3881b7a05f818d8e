// Turns that wait for a person: the page shows what the agent asks, and answers in a request of its own.
import { randomUUID } from 'node:crypto'
import { generateStream } from 'opencode-stream'
import { textOf } from './own-page.mjs'

/** The streams of the turns that run, by an id that only their page knows. */
const running = new Map()

/** A turn as a response; its header `x-turn` is the id to reply under. */
export function answer({ prompt, sessionID }) {
  const stream = generateStream(textOf(prompt), { sessionID, permission: 'event', question: 'event' })
  const turn = randomUUID()
  const response = stream.toResponse({ headers: { 'x-turn': turn } })
  running.set(turn, stream)
  const forget = () => running.delete(turn)
  stream.result.then(forget, forget)
  return response
}

/** Answers what a turn asked; returns the status of the response. A wrong reply throws an `OpenCodeError`. */
export function reply({ turn, id, reply }) {
  const stream = running.get(turn)
  stream?.reply(id, reply)
  return stream ? 204 : 404
}
