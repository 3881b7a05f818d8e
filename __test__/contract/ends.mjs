// How a turn can end, as a table: the same script of the model, the same end on every route. What a route or a release
// does otherwise is in `differences.mjs`.
import { expect, it } from 'vitest'
import testing from '../../testing/index.js'
import { until } from '../support/real-opencode.mjs'

const { cut, fail, finish, hang, text, usage } = testing

const PROVIDER = { code: 'ERR_OPENCODE_PROVIDER', accepted: true, retryable: false }
const OVERFLOW = 'prompt is too long: 213462 tokens > 200000 maximum'
const overflow = {
  error: { message: OVERFLOW, code: 'context_length_exceeded', type: 'invalid_request_error' },
}
const looks = (differs) => [text('Looking. '), differs.shell('pwd')]
const isSummary = ({ messages }) => /summar/i.test(JSON.stringify(messages.at(-1)))

/**
 * Each end: the replies of the model, and the result, or the error in `error`; with `orError` either that or the
 * result, as chance has it.
 */
export const ENDS = {
  'it is done, behind a step of tools': {
    replies: (differs) => [looks(differs), [text('Done.')]],
    result: { text: 'Looking. \n\nDone.', finishReason: 'stop', discarded: 0 },
  },
  'the provider refuses the step behind a tool': {
    replies: (differs) => [looks(differs), [fail(400, { message: 'no such thing' })]],
    error: { ...PROVIDER, status: 400, data: { text: 'Looking. ' } },
  },
  'the provider fails in the middle of the answer': {
    replies: () => [[text('Half an ans'), fail(503)], [text('The whole answer.')]],
    result: { text: 'The whole answer.', finishReason: 'stop' },
    discards: 'Half an ans'.length,
    otherwise: ({ beginsAgain, continues, doubtsRetries }) =>
      continues
        ? {
            result: { text: 'Half an ans\n\nThe whole answer.', finishReason: 'stop', discarded: 0 },
            orError: doubtsRetries && PROVIDER,
          }
        : !beginsAgain && { error: PROVIDER },
  },
  'the provider fails in the middle of the answer, behind a tool': {
    replies: (differs) => [looks(differs), [text('Half an ans'), fail(503)], [text('Half an answer.')]],
    result: { text: 'Looking. \n\nHalf an answer.', finishReason: 'stop' },
    discards: 'Half an ans'.length,
    otherwise: ({ beginsAgain, continues, doubtsRetries }) =>
      continues
        ? {
            result: {
              text: 'Looking. \n\nHalf an ans\n\nHalf an answer.',
              finishReason: 'stop',
              discarded: 0,
            },
            orError: doubtsRetries && PROVIDER,
          }
        : !beginsAgain && { error: PROVIDER },
  },
  'the session is compacted behind a tool': {
    replies: (differs) => [
      [text('Before. '), differs.shell('pwd'), usage({ input: 58_000, output: 100 })],
      [text(differs.summary)],
      [text('After.')],
    ],
    result: { text: 'Before. \n\nAfter.', finishReason: 'stop', discarded: 0 },
  },
  'the context overflows': {
    replies: ({ generation, summary }) => [
      [fail(400, { body: overflow })],
      ...(generation === 2 ? [[text(summary)]] : []),
      [text('The answer.')],
    ],
    // Generation 1 has a title made meanwhile.
    when: ({ generation, summary }) => generation === 1 && [isSummary, text(summary)],
    result: { text: 'The answer.', finishReason: 'stop', discarded: 0 },
    otherwise: ({ knowsOverflow }) =>
      !knowsOverflow && { error: { ...PROVIDER, message: expect.stringContaining(OVERFLOW) } },
  },
  'the length is used up': {
    replies: () => [[text('as far'), finish('length')]],
    result: { text: 'as far', finishReason: 'length' },
  },
  'the content is filtered': {
    replies: () => [[text('as far'), finish('content_filter')]],
    result: { text: 'as far', finishReason: 'content-filter' },
  },
  'the model says nothing': {
    replies: () => [[finish('stop')]],
    result: { text: '', finishReason: 'stop' },
    otherwise: ({ generation, printsSteps }) =>
      generation === 1
        ? { result: { text: '', finishReason: expect.stringMatching(/stop|unknown/) } }
        : !printsSteps && {
            result: { text: '', finishReason: 'stop' },
            orError: {
              code: 'ERR_OPENCODE_CLI_EXIT',
              accepted: true,
              message: expect.stringContaining('printed nothing'),
            },
          },
  },
}

/** Where the end of the last step is not told, neither is its reason. */
function unsaid({ result, error, orError }, { tellsLastStep }) {
  if (error || tellsLastStep) return { result, error, orError }
  return {
    orError,
    result: { ...result, finishReason: expect.stringMatching(`^(${result.finishReason}|unknown)$`) },
  }
}

/** `real`: a subject. `differs`: how its route and release differ. */
export function ends(real, differs) {
  const trims = (answer) => (differs.trimsParts ? answer.replace(/[ \n]+(?=\n\n|$)/g, '') : answer)

  it.each(Object.entries(ENDS))('ends: %s', async (_, { replies, when, otherwise, discards, ...end }) => {
    real.model.reset()
    for (const reply of replies(differs)) real.model.reply(...reply)
    if (when?.(differs)) real.model.when(...when(differs))
    const { result, orError, error } = unsaid(otherwise?.(differs) || end, differs)
    const stream = real.client.generateStream('go on', real.options())
    let streamed = ''
    const read = async () => {
      for await (const chunk of stream) streamed += chunk
      return stream.result
    }
    const outcome = await read().catch((failure) => failure)
    real.model.reset()
    if (orError && outcome instanceof Error) {
      expect(outcome).toMatchObject(orError)
    } else if (error) {
      expect(outcome).toMatchObject({
        ...error,
        ...(error.data && { data: { ...error.data, text: trims(error.data.text) } }),
      })
    } else {
      expect(outcome).toMatchObject({ ...result, text: trims(result.text) })
      if (discards && !differs.continues) {
        expect(outcome.discarded).toBe(differs.streamsAttempts ? discards : 0)
      } else {
        expect(streamed).toBe(outcome.text)
      }
    }
  })

  it('ends: OpenCode is killed in the middle', async () => {
    real.model.reset()
    real.model.reply(
      ...(differs.granularity === 'part'
        ? [text('Some '), differs.shell('sleep 1000')]
        : [text('Some '), hang()]),
    )
    const doomed = await real.doomed()
    const stream = real.client.generateStream('go on', real.options(doomed.options))
    const read = async () => {
      for await (const _ of stream) doomed.kill()
      return stream.result
    }
    const error = await read().catch((failure) => failure)
    expect(error).toMatchObject({
      code: differs.outlivesTurns ? 'ERR_OPENCODE_STREAM_LOST' : 'ERR_OPENCODE_CLI_EXIT',
      accepted: true,
      data: { text: trims('Some ') },
    })
    await until(() => real.processes().length === 0)
    real.model.reset()
  })

  it.runIf(differs.outlivesTurns && differs.tellsItsDoor)(
    'ends: the session is deleted while the model is silent',
    async () => {
      real.model.reset()
      real.model.reply(text('Some '), hang())
      const stream = real.client.generateStream('go on', real.options())
      const read = async () => {
        for await (const event of stream.events) {
          if (event.type !== 'text-delta') continue
          const { url, headers } = real.serving()
          const folder = encodeURIComponent(real.directory)
          const path =
            differs.generation === 2
              ? `/api/session/${event.sessionID}`
              : `/session/${event.sessionID}?directory=${folder}`
          expect((await fetch(url + path, { method: 'DELETE', headers })).ok).toBe(true)
        }
        return stream.result
      }
      const error = await read().catch((failure) => failure)
      expect(error).toMatchObject({
        // Generation 2 says first that the turn was interrupted.
        code: `ERR_OPENCODE_${differs.generation === 2 ? 'ABORTED_ELSEWHERE' : 'SESSION_NOT_FOUND'}`,
        accepted: true,
        retryable: false,
        data: { text: 'Some ' },
      })
      real.model.reset()
    },
  )

  it.runIf(differs.granularity === 'token')('ends: the provider hangs up in the middle', async () => {
    real.model.reset()
    real.model.reply(text('Half an ans'), cut())
    real.model.reply(text('The whole answer.'))
    const outcome = await real.client.generate('go on', real.options()).catch((failure) => failure)
    real.model.reset()
    // Some releases try again and some take it for the end; none says more than the model did.
    if (outcome instanceof Error)
      expect(outcome).toMatchObject({ code: expect.stringMatching(/^ERR_OPENCODE_/), accepted: true })
    else {
      const glued = differs.gluesAttempts ? ['Half an ansThe whole answer.'] : []
      const continued = differs.continues ? ['Half an ans\n\nThe whole answer.'] : []
      expect(['Half an ans', 'The whole answer.', ...glued, ...continued]).toContain(outcome.text)
    }
  })
}
