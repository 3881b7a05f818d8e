// A turn written down while it ran on the real OpenCode, and played again without one.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { generateStream, OpenCodeError } from '../../index.js'
import testing from '../../testing/index.js'
import { command } from '../support/command.mjs'
import { realOpenCode } from '../support/real-opencode.mjs'

const { fail, recordTurn, replayStream, text, toolCall } = testing

async function all(iterable) {
  const items = []
  for await (const item of iterable) items.push(item)
  return items
}

describe('a recording', () => {
  const real = realOpenCode()
  let folder
  let original
  const file = (name) => join(folder, name)
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'opencode-recording-'))
    real.model.reply(
      text(['I will ', 'look. ']),
      toolCall('bash', { command: 'echo hi', description: 'says hi' }),
    )
    real.model.reply(text(['It ', 'says ', 'hi.'], { pace: 20 }))
    const stream = generateStream('Look.', real.options())
    await recordTurn(stream, file('look.jsonl'))
    original = await stream.result
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  afterEach(() => real.model.reset())

  it('has the whole turn, one event a line', () => {
    const lines = readFileSync(file('look.jsonl'), 'utf8').trimEnd().split('\n').map(JSON.parse)
    expect(lines[0]).toMatchObject({ type: 'start', at: expect.any(Number) })
    expect(lines.at(-1)).toMatchObject({ type: 'finish', result: { text: 'I will look. \n\nIt says hi.' } })
    expect(lines.map(({ at }) => at)).toEqual(lines.map(({ at }) => at).toSorted((a, b) => a - b))
  })

  it('is replayed as text, as events and as a result, the same each time', async () => {
    expect(await replayStream(file('look.jsonl')).result).toEqual(JSON.parse(JSON.stringify(original)))
    const stream = replayStream(file('look.jsonl'))
    expect((await all(stream)).join('')).toBe(original.text)
    expect(await stream.result).toMatchObject({ finishReason: 'stop', usage: original.usage })
    expect(stream.sessionID).toBe(original.sessionID)
    const events = await all(replayStream(file('look.jsonl')).events)
    expect(
      events.some(({ type, tool, status }) => type === 'tool' && tool === 'bash' && status === 'completed'),
    ).toBe(true)
    expect(events.every((event) => !('at' in event))).toBe(true)
    expect(events.at(-1).type).toBe('finish')
  })

  it('is a stream in all else: it has one reader, it is left, it becomes a response', async () => {
    const stream = replayStream(file('look.jsonl'))
    const chunks = []
    for await (const chunk of stream) {
      chunks.push(chunk)
      break
    }
    expect(() => stream.events[Symbol.asyncIterator]()).toThrow(
      expect.objectContaining({ code: 'ERR_OPENCODE_STREAM_CONSUMED' }),
    )
    expect(await stream.result).toMatchObject({ finishReason: 'abort', text: chunks.join('') })
    const body = await replayStream(file('look.jsonl')).toResponse().text()
    expect(body.match(/^data: /gm)).toHaveLength((await all(replayStream(file('look.jsonl')).events)).length)
    const reason = new Error('enough')
    await expect(all(replayStream(file('look.jsonl'), { signal: AbortSignal.abort(reason) }))).rejects.toBe(
      reason,
    )
  })

  it('at a speed, what was further apart comes later, and leaving does not wait for the rest', async () => {
    const seen = []
    const slow = all(replayStream(file('look.jsonl'), { speed: 20 })).then(() => seen.push('slow'))
    const fast = all(replayStream(file('look.jsonl'), { speed: 10_000 })).then(() => seen.push('fast'))
    await Promise.all([slow, fast])
    expect(seen).toEqual(['fast', 'slow'])
    const left = replayStream(file('look.jsonl'), { speed: 0.000_1 })
    const reading = all(left)
    await left.abort()
    expect(await reading).toEqual([])
    expect((await left.result).finishReason).toBe('abort')
  })

  it('of a failure is replayed as the error, with all that it says', async () => {
    real.model
      .reply(text('So far'), fail(401, { message: 'bad key' }))
      .reply(fail(401, { message: 'bad key' }))
    const failing = generateStream('Hi', real.options())
    await recordTurn(failing, file('failure.jsonl'))
    const itself = await failing.result.catch((error) => error)
    const stream = replayStream(file('failure.jsonl'))
    let said = ''
    const error = await (async () => {
      for await (const chunk of stream) said += chunk
    })().catch((error) => error)
    expect(said).toBe('So far')
    expect(error).toBeInstanceOf(OpenCodeError)
    expect(error.code).toBe('ERR_OPENCODE_PROVIDER')
    expect(JSON.stringify(error)).toBe(JSON.stringify(itself))
    expect(error.stack).toContain('recording.test.js')
  })

  it('is also what the command prints with --format json', async () => {
    real.model.reply(text(['from ', 'the ', 'command']))
    const words = ['--attach', real.server.url, '--dir', real.server.directory, '--format', 'json', 'hi']
    writeFileSync(file('command.jsonl'), (await command(words).ended).stdout)
    expect((await all(replayStream(file('command.jsonl')))).join('')).toBe('from the command')
  })

  it('is not made of a turn that its own test cut short', async () => {
    const stopped = generateStream('Hi', real.options({ signal: AbortSignal.abort('enough') }))
    await expect(recordTurn(stopped, file('cut.jsonl'))).rejects.toBe('enough')
    expect(() => readFileSync(file('cut.jsonl'))).toThrow('ENOENT')
  })

  it.each([
    ['half a turn', '{"type":"start"}\n', /no 'finish'/],
    ['nothing', '', /no 'finish'/],
    ['something else', 'Hello\n', /wrong\.jsonl:1 is no event/],
  ])('%s is refused when it is opened', (_, content, message) => {
    writeFileSync(file('wrong.jsonl'), content)
    expect(() => replayStream(file('wrong.jsonl'))).toThrow(message)
  })

  it('takes no option that would have no effect', () => {
    expect(() => replayStream(file('look.jsonl'), { model: 'a/b' })).toThrow(/no option `model`/)
    expect(() => replayStream(file('look.jsonl'), { speed: 0 })).toThrow(/above 0/)
  })
})
