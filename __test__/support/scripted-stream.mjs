import { OpenCode } from '../../lib/client.js'
import { scriptedBinding } from './scripted-binding.js'

/** A stream over a turn that `onStart` plays; `turns` are those that were started. */
export function scripted(onStart, options) {
  const { turns, ...native } = scriptedBinding(onStart)
  return { stream: new OpenCode({}, native).generateStream('Hello', options), turns }
}

export async function collect(iterable) {
  const all = []
  for await (const one of iterable) all.push(one)
  return all
}

export async function leaveAtOnce(stream) {
  for await (const _ of stream) break
}

/** Lets everything that is ready happen: two turns of the event loop, for the bell and for what it causes. */
export async function settle() {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export const answer = (turn) => {
  turn.say('Hel')
  turn.say('lo')
  turn.finish()
}

export const failure = {
  code: 'ERR_OPENCODE_PROVIDER',
  message: 'bad key',
  hint: 'Log in.',
  accepted: true,
  retryable: false,
}
export const failed = { code: 'ERR_OPENCODE_PROVIDER', message: 'bad key', hint: 'Log in.', accepted: true }
