// What a turn may ask of its reader and be given, on every route: functions that answer asks, JSON, files.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import testing from '../../testing/index.js'

const { text, toolCall } = testing

const UNSUPPORTED = expect.objectContaining({ code: 'ERR_OPENCODE_UNSUPPORTED_OPTION', accepted: false })
const UNSUPPORTED_VERSION = { code: 'ERR_OPENCODE_UNSUPPORTED_VERSION' }
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

/** `real`: a subject. `differs`: how its route and release differ. */
export function wholeTurn(real, differs) {
  const generate = (prompt, more) => real.client.generate(prompt, real.options(more))
  /** What the model read last of the user. */
  const seen = () => {
    const { content } = real.model.requests.at(-1).messages.findLast(({ role }) => role === 'user')
    return typeof content === 'string' ? [{ type: 'text', text: content }] : content
  }

  it('a function of yours is asked, may take its time, and its word counts', async () => {
    const asked = []
    const permission = async (ask, { signal }) => {
      asked.push([ask.type, ask.permission, ask.reply, signal.aborted])
      await new Promise(setImmediate)
      return 'once'
    }
    if (!differs.canCall) {
      expect(() => real.client.generateStream('look', real.options({ permission }))).toThrow(UNSUPPORTED)
      return
    }
    real.model.reply(differs.reads('/etc/hostname'))
    real.model.reply(text('Read.'))
    const result = await generate('look outside', { permission })
    expect(asked).toEqual([['permission', 'external_directory', undefined, false]])
    expect(result).toMatchObject({ text: 'Read.', finishReason: 'stop', asks: [{ reply: 'once' }] })
  })

  const rejection = differs.tellsWhy ? 'the model reads it, and goes on' : 'the turn ends, and says so'
  it.runIf(differs.canCall)(`a rejection with a message: ${rejection}`, async () => {
    real.model.reply(differs.reads('/etc/hostname'))
    const permission = () => ({ reply: 'reject', message: 'stay in the house' })
    if (!differs.tellsWhy) {
      const { finishReason, asks } = await generate('look outside', { permission })
      expect(finishReason).toBe('rejected')
      expect(asks).toMatchObject([{ reply: 'reject' }])
      expect(asks[0]).not.toHaveProperty('message')
      return
    }
    real.model.reply(text('I see.'))
    const result = await generate('look outside', { permission })
    expect(result).toMatchObject({ text: 'I see.', finishReason: 'stop' })
    expect(result.asks).toMatchObject([{ reply: 'reject', message: 'stay in the house' }])
    const read = JSON.stringify(real.model.requests.at(-1).messages)
    expect(read).toContain(differs.hidesWhy ? 'Unable to read /etc/hostname' : 'stay in the house')
  })

  it.runIf(differs.canCall)(
    'a function that throws stops the turn, and its error is the one you get',
    async () => {
      const mine = new Error('no idea')
      real.model.reply(differs.reads('/etc/hostname'))
      const permission = () => {
        throw mine
      }
      await expect(generate('look outside', { permission })).rejects.toBe(mine)
      expect(real.processes()).toEqual([])
    },
  )

  const again = differs.canGoOn
    ? 'is asked for again in the session'
    : 'cannot be asked for again, and says so'
  it(`JSON: a wrong value ${again}`, async () => {
    const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }
    const answer = (value) =>
      differs.structures ? toolCall('StructuredOutput', value) : text(JSON.stringify(value))
    real.model.reply(answer({ n: 'one' }))
    // Only a session made for the call is asked by the release's own means.
    real.model.reply(text('```json\n{"n": 1}\n```'))
    const json = real.client.generateJson('how many?', real.options({ schema }))
    if (!differs.canGoOn) {
      // The first answer was accepted; there is no session to ask again in.
      await expect(json).rejects.toMatchObject({ ...UNSUPPORTED_VERSION, accepted: true })
      real.model.reset()
      return
    }
    const result = await json
    expect(result.value).toEqual({ n: 1 })
    expect(JSON.stringify(real.model.requests.at(-1).messages), 'one session').toContain('how many?')
    expect(JSON.stringify(seen())).toMatch(/must be integer/)
  })

  it('files: the model reads them whole', async () => {
    const path = join(real.directory, 'note.md')
    writeFileSync(path, 'größe 日本\nsecond line')
    const files = [path, { data: Buffer.from(PNG, 'base64') }]
    if (!differs.takesFiles) {
      expect(() => real.client.generateStream('see', real.options({ files }))).toThrow(UNSUPPORTED)
      return
    }
    real.model.reply(text('seen'))
    await generate('see files', { files })
    const texts = seen().flatMap((part) => (part.type === 'text' ? [part.text] : []))
    expect(texts[0]).toBe('see files')
    expect(texts.some((text) => text.endsWith('größe 日本\nsecond line'))).toBe(true)
    expect(texts.join('\n')).toContain('note.md')
    const url = `data:image/png;base64,${PNG}`
    expect(seen()).toContainEqual({ type: 'image_url', image_url: { url } })
  })
}
