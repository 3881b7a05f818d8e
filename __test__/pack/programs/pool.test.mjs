import { isMainThread } from 'node:worker_threads'
import { generateStream, OpenCodeError } from 'opencode-stream'
import { expect, test } from 'vitest'
import turn from './turn.cjs'

test('a turn streams in this pool', async () => {
  expect(isMainThread).toBe(process.env.POOL === 'forks')
  const said = []
  await turn({ generateStream }, (each) => said.push(each))
  expect(said.at(-1)).toEqual({ result: { text: 'one two three', finishReason: 'stop', route: 'server' } })
  expect(
    said
      .slice(0, -1)
      .map(({ text }) => text)
      .join(''),
  ).toBe('one two three')
})

test('errors are of the class that is imported', () => {
  expect(() => generateStream('', {})).toThrow(OpenCodeError)
})
