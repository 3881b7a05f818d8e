// generateJson(), as far as lib/ is answerable for it: schemas, what counts as an answer, asking again.
import { readFileSync } from 'node:fs'
import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { OpenCode } from '../lib/client.js'
import { readAnswer } from '../lib/json-answer.js'
import { BUNDLE, bundle } from '../scripts/bundle-validator.js'
import { scriptedBinding } from './support/scripted-binding.js'

const schema = {
  type: 'object',
  properties: { colour: { type: 'string' } },
  required: ['colour'],
  additionalProperties: false,
}

/** A client whose turns answer with `answers`, one after the other. */
function answering(...answers) {
  const native = scriptedBinding((turn) => {
    turn.say(answers.shift())
    turn.finish()
  })
  return { client: new OpenCode({}, native), turns: native.turns }
}

describe('generateJson()', () => {
  it.each([
    ['a JSON Schema', schema],
    ['zod', z.object({ colour: z.string() })],
    ['valibot', v.object({ colour: v.string() })],
    ['arktype', type({ colour: 'string' })],
  ])('takes %s', async (_, schema) => {
    const { client, turns } = answering('{"colour":5}', '{"colour":"blue"}')
    const result = await client.generateJson('Which?', { schema })
    expect(result.value).toEqual({ colour: 'blue' })
    expect(turns).toHaveLength(2)
    expect(turns[1].request.parts[0].text).toMatch(/Your answer was wrong:\n- (colour: )?.*string/i)
  })

  it('gives out what the schema makes of the answer', async () => {
    const schema = z.object({ at: z.string().transform((text) => text.length) })
    const { value } = await answering('{"at":"four"}').client.generateJson('When?', { schema })
    expect(value).toEqual({ at: 4 })
  })

  it('tells the model the JSON Schema, where the library has one', async () => {
    const told = async (schema) => {
      const { client, turns } = answering('{"colour":"blue"}')
      await client.generateJson('Which?', { schema })
      const { json, parts } = turns[0].request
      expect(parts).toEqual([{ type: 'text', text: 'Which?' }])
      return json
    }
    expect((await told(schema)).schema).toEqual(schema)
    expect((await told(schema)).instruction).toContain(JSON.stringify(schema))
    expect((await told(z.object({ colour: z.string() }))).schema).toMatchObject({ required: ['colour'] })
    expect(await told(v.object({ colour: v.string() }))).toEqual({
      schema: null,
      instruction: expect.stringMatching(/^Answer with one JSON value, and nothing else/),
    })
  })

  it('asks again in the same session, without files, title or fork', async () => {
    const { client, turns } = answering('blue', '{"colour":"blue"}')
    const files = [{ data: 'a' }]
    await client.generateJson('Which?', { schema, files, title: 'Colours', model: 'a/b' })
    const again = turns[1].request
    expect(again).toMatchObject({
      session: { id: 'ses_1', title: null, continue: false, fork: false },
      model: { providerID: 'a', modelID: 'b' },
      json: turns[0].request.json,
    })
    expect(again.parts).toHaveLength(1)
  })

  it('asks again in a new one with all that was said, where the first is deleted', async () => {
    const { client, turns } = answering('blue', '{"colour":"blue"}')
    await client.generateJson('Which?', { schema, ephemeral: true })
    expect(turns[1].request.session).toMatchObject({ id: null, ephemeral: true })
    expect(turns[1].request.parts.map(({ text }) => text)).toEqual([
      'Which?',
      expect.stringMatching(/^Your answer to this was:\nblue\n\nYour answer was wrong:/),
    ])
  })

  it.each([
    [undefined, 3],
    [0, 1],
    [4, 5],
  ])('`jsonRetries: %o` asks %i times, then says what is wrong', async (jsonRetries, times) => {
    const { client, turns } = answering(...Array(9).fill('{"colour":5,"extra":1}'))
    const error = await client.generateJson('Which?', { schema, jsonRetries }).catch((error) => error)
    expect(turns).toHaveLength(times)
    expect(error).toMatchObject({
      code: 'ERR_OPENCODE_JSON',
      accepted: true,
      retryable: false,
      sessionID: 'ses_1',
      data: {
        text: '{"colour":5,"extra":1}',
        issues: expect.arrayContaining([{ message: 'must be string', path: ['colour'] }]),
      },
    })
    expect(error.stack).toContain('generate-json.test.js')
  })

  it('counts the time of all attempts against `timeouts.total`', async () => {
    const { client, turns } = answering('blue', '{"colour":"blue"}')
    await client.generateJson('Which?', { schema, timeouts: 60_000 })
    expect(turns[1].request.timeouts.total).toBeLessThanOrEqual(turns[0].request.timeouts.total)
  })

  const slow = (check) => ({ '~standard': { version: 1, vendor: 'test', validate: check } })
  const never = slow(() => new Promise(() => {}))

  it('`timeouts.total`, `signal` and close() end it while the schema thinks, too', async () => {
    const json = (options, answers = ['{}']) => {
      const { client } = answering(...answers)
      return [client, client.generateJson('Which?', { schema: never, ...options }).catch((error) => error)]
    }
    expect(await json({ timeouts: 20 })[1]).toMatchObject({
      code: 'ERR_OPENCODE_TIMEOUT',
      message: expect.stringContaining('20 ms'),
      accepted: true,
      retryable: false,
      sessionID: 'ses_1',
      data: { phase: 'total', text: '{}' },
    })
    const reason = new Error('enough')
    const controller = new AbortController()
    const [, aborted] = json({ signal: controller.signal })
    setImmediate(() => controller.abort(reason))
    expect(await aborted).toBe(reason)
    const [client, closed] = json()
    setImmediate(() => client.close())
    expect(await closed).toMatchObject({ code: 'ERR_OPENCODE_CLOSED', accepted: true, sessionID: 'ses_1' })
  })

  it('a signal that aborts in a schema that fits is obeyed', async () => {
    const controller = new AbortController()
    const aborts = slow((value) => {
      controller.abort('enough')
      return { value }
    })
    const { client } = answering('{}')
    await expect(client.generateJson('Which?', { schema: aborts, signal: controller.signal })).rejects.toBe(
      'enough',
    )
  })

  it('a catastrophic `pattern` blocks nothing: `timeouts.total` ends it, and so does the signal', async () => {
    const schema = { type: 'string', pattern: '^(a+)+$' }
    const json = (options) =>
      answering(`"${'a'.repeat(40)}b"`)
        .client.generateJson('Which?', { schema, jsonRetries: 0, ...options })
        .catch((error) => error)
    expect(await json({ timeouts: 300 })).toMatchObject({ code: 'ERR_OPENCODE_TIMEOUT', accepted: true })
    const controller = new AbortController()
    const aborted = json({ signal: controller.signal })
    // A timer that is served while the answer is checked: the event loop is free.
    setTimeout(() => controller.abort('enough'), 200)
    expect(await aborted).toBe('enough')
  })

  it('what takes its time is checked in another thread, with the same outcome', async () => {
    // All pairs are compared: too many for a moment.
    const items = Array.from({ length: 1200 }, (_, n) => ({ a: { b: [n] } }))
    const schema = { type: 'array', uniqueItems: true, items: { type: 'object' } }
    const json = (value) =>
      answering(JSON.stringify(value)).client.generateJson('List', { schema, jsonRetries: 0 })
    expect((await json(items)).value).toEqual(items)
    await expect(json([...items, items[0]])).rejects.toMatchObject({
      code: 'ERR_OPENCODE_JSON',
      data: { issues: [{ message: expect.stringContaining('must NOT have duplicate items'), path: [] }] },
    })
  })

  it('a Standard Schema that blocks the thread does so until `timeouts.total`', async () => {
    const blocks = slow((value) => ({ value: /^(a+)+$/.test(value) }))
    const { client } = answering(`"${'a'.repeat(40)}b"`)
    await expect(client.generateJson('Which?', { schema: blocks, timeouts: 200 })).rejects.toMatchObject({
      code: 'ERR_OPENCODE_TIMEOUT',
      data: { phase: 'total' },
    })
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('boo')
      },
    ],
    [
      'throws nothing',
      () => {
        throw undefined
      },
    ],
    ['rejects with nothing', () => Promise.reject()],
    ['returns nothing', () => undefined],
    ['returns issues that are none', () => ({ issues: 5 })],
    [
      'returns a getter that throws',
      () => ({
        get issues() {
          throw new Error('boo')
        },
      }),
    ],
    [
      'returns an issue that throws',
      () => ({
        issues: [
          {
            get message() {
              throw new Error('boo')
            },
          },
        ],
      }),
    ],
  ])('a schema that %s is an error of ours, and a prompt was taken', async (_, validate) => {
    const error = await answering('{}')
      .client.generateJson('Which?', { schema: slow(validate) })
      .catch((error) => error)
    expect(error).toMatchObject({
      name: 'OpenCodeError',
      code: 'ERR_OPENCODE_INVALID_OPTION',
      accepted: true,
      sessionID: 'ses_1',
    })
  })

  it.each([
    ['null', { issues: [null] }, { message: 'is not valid', path: [] }],
    [
      'keys of all kinds',
      { issues: [{ message: 'm', path: [0, 'a', { key: 'b' }, null] }] },
      { message: 'm', path: [0, 'a', 'b', 'null'] },
    ],
    ['none at all', { issues: [] }, undefined],
  ])('issues may be %s', async (_, outcome, issue) => {
    const schema = slow(() => outcome)
    await expect(
      answering('{}').client.generateJson('Which?', { schema, jsonRetries: 0 }),
    ).rejects.toMatchObject({
      code: 'ERR_OPENCODE_JSON',
      data: { issues: issue ? [issue] : [] },
    })
  })

  it.each([
    ['deep', '['.repeat(5000) + ']'.repeat(5000), /nested deeper/],
    ['long', `"${'a'.repeat(5 * 1024 * 1024)}"`, /longer than/],
  ])('an answer that is too %s is wrong, whatever the schema', async (_, answer, message) => {
    for (const schema of [{}, slow((value) => ({ value }))]) {
      await expect(
        answering(answer).client.generateJson('Which?', { schema, jsonRetries: 0 }),
      ).rejects.toMatchObject({ code: 'ERR_OPENCODE_JSON', message: expect.stringMatching(message) })
    }
  })

  it('an error of a later attempt says that a prompt was taken', async () => {
    const native = scriptedBinding((turn) => {
      if (native.turns.length > 1) {
        turn.fail({ code: 'ERR_OPENCODE_UNREACHABLE', message: 'gone', accepted: false, retryable: true })
        return
      }
      turn.say('no')
      turn.finish()
    })
    await expect(new OpenCode({}, native).generateJson('Which?', { schema })).rejects.toMatchObject({
      code: 'ERR_OPENCODE_UNREACHABLE',
      accepted: true,
      retryable: false,
      sessionID: 'ses_1',
    })
  })

  it('takes what Standard Schema and $async allow', async () => {
    const symbolic = slow(() => ({ issues: [{ message: 'bad', path: [Symbol('at')] }] }))
    const wrong = (schema) =>
      answering('{}')
        .client.generateJson('Which?', { schema, jsonRetries: 0 })
        .catch((error) => error)
    expect(await wrong(symbolic)).toMatchObject({
      code: 'ERR_OPENCODE_JSON',
      data: { issues: [{ path: ['Symbol(at)'] }] },
    })
    expect(await wrong(slow(() => undefined))).toMatchObject({ code: 'ERR_OPENCODE_INVALID_OPTION' })
    expect(await wrong({ $async: true, ...schema })).toMatchObject({ code: 'ERR_OPENCODE_JSON' })
    const { value } = await answering('{"colour":"blue"}').client.generateJson('Which?', {
      schema: { $async: true, ...schema },
    })
    expect(value).toEqual({ colour: 'blue' })
  })

  it.each([
    [{}, /`schema` is missing/],
    [{ schema: 'string' }, /a string, but must be a schema/],
    [{ schema: { type: 'strin' } }, /no valid JSON Schema/],
    [{ schema: { '~standard': {} } }, /no Standard Schema/],
    [{ schema: { const: 5n } }, /cannot be written as JSON/],
    [{ schema, jsonRetries: -1 }, /`jsonRetries` is -1/],
  ])('%o is refused at the call', (options, message) => {
    const { client } = answering()
    expect(() => client.generateJson('Which?', options)).toThrow(
      expect.objectContaining({
        code: 'ERR_OPENCODE_INVALID_OPTION',
        message: expect.stringMatching(message),
      }),
    )
  })

  it.each(['schema', 'jsonRetries'])(
    '`%s` is refused by generateStream(), and waits as a default',
    (option) => {
      const options = { [option]: { schema, jsonRetries: 1 }[option] }
      expect(() => new OpenCode().generateStream('Hello', options)).toThrow(/generateJson/)
      new OpenCode(options).generateStream('Hello')
    },
  )

  it.each([
    [
      'draft-07',
      { $schema: 'http://json-schema.org/draft-07/schema#', type: 'array', items: [{ const: 1 }] },
    ],
    [
      '2019-09',
      { $schema: 'https://json-schema.org/draft/2019-09/schema', type: 'array', items: [{ const: 1 }] },
    ],
    ['2020-12', { type: 'array', prefixItems: [{ const: 1 }] }],
  ])('knows JSON Schema %s', async (_, schema) => {
    const { client, turns } = answering('[2]', '[1]')
    expect((await client.generateJson('List', { schema })).value).toEqual([1])
    expect(turns).toHaveLength(2)
  })
})

describe('what counts as an answer', () => {
  const fence = (json, tag = 'json') => `\`\`\`${tag}\n${json}\n\`\`\``
  it.each([
    ['{"a":1}', { a: 1 }],
    [' \n[1]\n', [1]],
    ['null', null],
    [fence('{"a":1}'), { a: 1 }],
    [fence('{"a":"`x`"}', ''), { a: '`x`' }],
    [`Here it is:\n${fence('{"a":1}')}\nDone.`, { a: 1 }],
  ])('%j does', (text, value) => {
    expect(readAnswer({ text })).toEqual({ value })
  })

  it.each(['', 'blue', 'It is {"a":1}.', '{"a":1} {"a":2}', '{"a":1', `${fence('1')}\n${fence('2')}`])(
    '%j does not',
    (text) => {
      expect(readAnswer({ text })).toEqual({ issue: { message: expect.any(String), path: [] } })
    },
  )

  it('an agent may speak before it calls a tool', () => {
    const parts = [
      { type: 'text', text: 'Let me look.' },
      { type: 'tool' },
      { type: 'text', text: '{"a":1}' },
    ]
    expect(readAnswer({ text: 'Let me look.\n\n{"a":1}', parts })).toEqual({ value: { a: 1 } })
  })
})

it('the bundled validator is what its script makes, licences included', () => {
  expect(readFileSync(BUNDLE, 'utf8')).toBe(bundle())
  expect(bundle()).toContain('Evgeny Poberezkin')
})
