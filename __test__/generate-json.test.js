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

  it.each([
    [{}, /`schema` is missing/],
    [{ schema: 'string' }, /a string, but must be a schema/],
    [{ schema: { type: 'strin' } }, /no valid JSON Schema/],
    [{ schema: { '~standard': {} } }, /no Standard Schema/],
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
