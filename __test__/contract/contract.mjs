// What every route promises, whatever the wire: same prompts, same events, same result, same errors.
import { describe, expect, it } from 'vitest'
import testing from '../../testing/index.js'
import { until } from '../support/real-opencode.mjs'
import { differences } from './differences.mjs'
import { ends } from './ends.mjs'
import { subject } from './subject.mjs'
import { wholeTurn } from './whole-turn.mjs'

const { fail, hang, lockstep, reasoning, text, usage } = testing

const PROMPT = '-say "two words" and \'one\'\n\n  then $HOME, `x` & größe 日本 😀  '
const WORDS = ['Hel', 'lo ', 'größe ', '日本', '😀 ', '\n  kept as it is']

/** The releases to hold it against: `OPENCODE_STREAM_CONTRACT_VERSIONS`, comma separated, or these. */
export function releases(...standard) {
  const named = process.env.OPENCODE_STREAM_CONTRACT_VERSIONS
  return named ? named.split(',').filter(Boolean) : standard
}

/** The title of a test of what a release cannot do: `npm run verify:versions` lists them. */
const refusal = (what) => `cannot ${what}, and says so`

/** What a release cannot do is said before the prompt runs. */
const UNSUPPORTED = { code: 'ERR_OPENCODE_UNSUPPORTED_VERSION', accepted: false }

export function contract(route, version) {
  const differs = differences(route, version)
  const as = (answer) => (differs.trimsParts ? answer.replace(/[ \n]+(?=\n\n|$)/g, '') : answer)

  describe(`${route} of OpenCode ${version}`, () => {
    const real = subject(route, version)
    const stream = (prompt, more) => real.client.generateStream(prompt, real.options(more))
    const generate = (prompt, more) => real.client.generate(prompt, real.options(more))
    const events = async (prompt, more) => {
      const all = []
      for await (const event of stream(prompt, more).events) all.push(event)
      return all
    }
    /** Runs `turn`, and counts the calls of the model that it made. */
    const counting = async (turn) => {
      const before = real.model.requests.length
      return [await turn(), real.model.requests.length - before]
    }

    if (differs.cannotStart ?? differs.cannotBeUsed) {
      it(refusal('be used'), async () => {
        const [error, calls] = await counting(() => generate('hi').catch((error) => error))
        expect(error).toMatchObject({
          ...UNSUPPORTED,
          message: expect.stringMatching(differs.cannotStart ?? differs.cannotBeUsed),
          hint: expect.any(String),
        })
        expect(calls).toBe(0)
      })
      return
    }

    if (differs.losesItsEnd) {
      it(refusal('be relied on to print all of an answer'), async () => {
        for (let n = 0; n < 3; n++) {
          real.model.reply(differs.shell('pwd'))
          real.model.reply(text('All done.'))
          const outcome = await generate('where are we?').catch((error) => error)
          // Whole, or an error that says so; never a part of it as if it were all.
          if (outcome.text !== undefined) expect(outcome.text).toBe('All done.')
          else
            expect(outcome).toMatchObject({
              code: 'ERR_OPENCODE_CLI_EXIT',
              message: expect.stringMatching(/printed (nothing|not all)/),
              retryable: false,
            })
          real.model.reset()
        }
      })
      return
    }

    it('gives the answer, character for character, and nothing else', async () => {
      real.model.reply(reasoning(['let ', 'me think']), text(WORDS), usage({ input: 7, output: 11 }))
      const turn = stream(PROMPT)
      const chunks = []
      for await (const chunk of turn) chunks.push(chunk)
      const result = await turn.result
      expect(chunks.join('')).toBe(as(WORDS.join('')))
      expect(chunks).not.toContain('')
      expect(result).toMatchObject({
        route,
        granularity: differs.granularity,
        generation: differs.generation,
        text: chunks.join(''),
        sessionID: expect.stringMatching(/^ses/),
        messageID: expect.stringMatching(/^msg/),
        ...(differs.tellsLastStep && { finishReason: 'stop', usage: { input: 7, output: 11 } }),
        discarded: 0,
      })
      expect(result.version).toBe(differs.tellsVersion ? version : undefined)
      expect(turn.sessionID).toBe(result.sessionID)
      expect(real.model.requests.at(-1).prompt, 'the prompt, verbatim').toBe(differs.promptPrefix + PROMPT)
    })

    const streams =
      'streams 50 tokens in lockstep: each leaves the model only after the reader had the one before'
    if (differs.granularity === 'token')
      it(streams, async () => {
        const gate = lockstep()
        const tokens = Array.from({ length: 50 }, (_, n) => `tok${n} `)
        real.model.reply(text(tokens, { gate }))
        let seen = 0
        let received = ''
        for await (const chunk of stream('count')) {
          received += chunk
          while (seen < 50 && received.includes(tokens[seen])) {
            seen += 1
            gate.seen()
          }
        }
        expect(seen).toBe(50)
        expect(received).toBe(tokens.join(''))
      })

    it('tells a turn of two steps as events', async () => {
      real.model.reply(
        reasoning('hm'),
        text('Looking. '),
        differs.shell('pwd'),
        usage({ input: 5, output: 3 }),
      )
      real.model.reply(text(['All ', 'done.']), usage({ input: 9, output: 2 }))
      const [all, calls] = await counting(() => events('where are we?', { raw: true }))
      expect(calls, 'calls of the model').toBe(2)
      const types = all.map(({ type }) => type).filter((type) => !['session', 'raw'].includes(type))
      expect(types[0]).toBe('start')
      expect(types.at(-1)).toBe('finish')
      const order = ['text-start', 'text-delta', 'text-end', 'finish'].map((type) => types.lastIndexOf(type))
      expect(order).toEqual([...order].sort((a, b) => a - b))
      expect(types.filter((type) => type === 'text-start')).toHaveLength(2)
      expect(types.includes('reasoning-delta')).toBe(differs.tellsReasoning)
      const steps = types.filter((type) => type === 'step-finish').length
      if (differs.tellsLastStep) expect(steps).toBe(differs.tellsSteps ? 2 : 0)
      else expect(steps).toBeLessThanOrEqual(2)
      expect(all.filter(({ type }) => type === 'raw').length).toBeGreaterThan(0)

      const tools = all.filter(({ type }) => type === 'tool')
      // A state that nobody took before the next one came is not told.
      const states = [...new Set(tools.map(({ status }) => status))]
      expect(states).toEqual(differs.toolStates.filter((state) => states.includes(state)))
      expect(tools.at(-1)).toMatchObject({
        tool: differs.shellTool,
        input: { command: 'pwd' },
        status: 'completed',
      })
      expect(tools.at(-1).output.trim(), 'the tool runs in `directory`').toBe(real.directory)

      const { result } = all.at(-1)
      expect(result.text).toBe(as('Looking. \n\nAll done.'))
      const deltas = all.filter(({ type }) => type === 'text-delta').map(({ delta }) => delta)
      expect(deltas.join('')).toBe(`${as('Looking. \n\n').replace('\n\n', '')}All done.`)
      if (differs.tellsLastStep)
        expect(result.usage, 'the sum of both steps').toMatchObject({ input: 14, output: 5 })
      else {
        const told = all.flatMap(({ type, usage }) => (type === 'step-finish' ? [usage.input] : []))
        expect([5, 9], 'whichever steps it told').toEqual(expect.arrayContaining(told))
        expect(result.usage.input, 'the sum of what was told').toBe(told.reduce((sum, n) => sum + n, 0))
      }
      const kinds = result.parts.map(({ type }) => type)
      expect(kinds).toEqual(expect.arrayContaining(['text', 'tool', ...(steps > 0 ? ['step-finish'] : [])]))
      expect(all.every(({ type, sessionID }) => type === 'fallback' || sessionID === result.sessionID)).toBe(
        true,
      )
    })

    it(
      differs.canReject ? 'rejects what asks for a permission, and ends' : refusal('reject asks'),
      async () => {
        real.model.reply(differs.reads('/etc/hostname'))
        if (!differs.canReject) {
          await expect(generate('look outside')).rejects.toMatchObject({
            code: 'ERR_OPENCODE_UNSUPPORTED_VERSION',
            accepted: true,
            retryable: false,
          })
          return
        }
        const result = await generate('look outside', { permission: 'reject' })
        expect(result.finishReason).toBe('rejected')
        expect(result.asks).toMatchObject([
          { type: 'permission', permission: 'external_directory', reply: 'reject' },
        ])
        real.model.reply(differs.reads('/etc/hostname'))
        // Nobody chose: the same is an error, with what was asked.
        await expect(generate('look outside')).rejects.toMatchObject({
          code: 'ERR_OPENCODE_REJECTED',
          accepted: true,
          data: { ask: { type: 'permission', permission: 'external_directory', reply: 'reject' } },
        })
      },
    )

    it(differs.canAllow ? 'allows it, if told to' : refusal('allow asks'), async () => {
      real.model.reply(differs.reads('/etc/hostname'))
      real.model.reply(text('Read.'))
      const turn = generate('look outside', { permission: 'allow' })
      if (!differs.canAllow) {
        await expect(turn).rejects.toMatchObject(UNSUPPORTED)
        real.model.reset()
        return
      }
      expect(await turn).toMatchObject({
        text: 'Read.',
        ...(differs.tellsLastStep && { finishReason: 'stop' }),
      })
    })

    it("passes on the provider's error", async () => {
      real.model.reply(fail(401))
      await expect(generate('go')).rejects.toMatchObject({
        code: 'ERR_OPENCODE_PROVIDER',
        status: 401,
        accepted: true,
        retryable: false,
        data: differs.providerError,
      })
    })

    it.each([
      [{ sessionID: 'ses_0000000000000000000000000000' }, 'ERR_OPENCODE_SESSION_NOT_FOUND'],
      [{ model: 'scripted/nope' }, 'ERR_OPENCODE_MODEL_NOT_FOUND'],
      [{ agent: 'nope' }, 'ERR_OPENCODE_AGENT_NOT_FOUND'],
    ])('%o is looked up before anything is sent', async (options, code) => {
      const [error, calls] = await counting(() => generate('go', options).catch((error) => error))
      expect(error).toMatchObject({ code, accepted: false })
      expect(error.hint).toEqual(expect.any(String))
      expect(calls).toBe(0)
    })

    it(differs.canGoOn ? 'goes on with a session' : refusal('go on with a session'), async () => {
      real.model.reply(text('Blue.'))
      const first = await generate('my colour is blue', { agent: 'build', model: 'scripted/model' })
      real.model.reply(text('Still blue.'))
      const going = generate('which colour?', { sessionID: first.sessionID })
      if (!differs.canGoOn) {
        await expect(going).rejects.toMatchObject(UNSUPPORTED)
        real.model.reset()
        return
      }
      const second = await going
      expect(second).toMatchObject({ sessionID: first.sessionID, text: 'Still blue.' })
      expect(second.messageID).not.toBe(first.messageID)
      expect(JSON.stringify(real.model.requests.at(-1).body)).toContain('my colour is blue')
    })

    it(
      differs.canFindTheNewest ? 'goes on with the newest session' : refusal('go on with the newest session'),
      async () => {
        real.model.reply(text('Red.'))
        const first = await generate('my colour is red')
        real.model.reply(text('Red again.'))
        const newest = generate('and now?', { continue: true })
        if (!differs.canFindTheNewest) {
          await expect(newest).rejects.toMatchObject(UNSUPPORTED)
          real.model.reset()
          return
        }
        expect((await newest).sessionID).toBe(first.sessionID)
      },
    )

    it(differs.canFork ? 'forks a session' : refusal('fork a session'), async () => {
      real.model.reply(text('One.'))
      const first = await generate('begin')
      real.model.reply(text('Two.'))
      const fork = generate('go on', { sessionID: first.sessionID, fork: true })
      if (!differs.canFork) {
        await expect(fork).rejects.toMatchObject(UNSUPPORTED)
        real.model.reset()
        return
      }
      const second = await fork
      expect(second.text).toBe('Two.')
      expect(second.sessionID).not.toBe(first.sessionID)
      expect(JSON.stringify(real.model.requests.at(-1).body)).toContain('begin')
    })

    it('is left in the middle: the text so far is the result, and the model is let go', async () => {
      const step =
        differs.granularity === 'part'
          ? [text('Some '), differs.shell('sleep 1000')]
          : [text('Some '), hang()]
      real.model.reply(...step)
      const turn = stream('go on for ever', {
        permission: 'allow',
        ...(differs.canAllow ? {} : { permission: 'reject' }),
      })
      for await (const chunk of turn) {
        expect(chunk.trim()).toBe('Some')
        break
      }
      const result = await turn.result
      expect(result).toMatchObject({ finishReason: 'abort', text: as('Some ') })
      if (differs.granularity === 'token') await until(() => real.model.requests.at(-1).aborted)
      expect(real.processes(), 'what was started for the turn alone, its tools included').toEqual([])
      real.model.reset()
    })

    wholeTurn(real, differs)
    ends(real, differs)
  })
}
