// What the model really receives of a file.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { generate } from '../../index.js'
import testing from '../../testing/index.js'
import { differences } from '../contract/differences.mjs'
import { realOpenCode } from '../support/real-opencode.mjs'

const { text } = testing
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

describe.each(['1.18.33', '1.1.31', '1.2.27', '2.0.15'])('OpenCode %s', (version) => {
  const real = realOpenCode({ version })
  const differs = differences('server', version)
  // One that fails must not leave its replies to the next.
  afterEach(() => real.model.reset())

  /** The parts of the last user message that the model got. */
  const seen = () => {
    const { content } = real.model.requests.at(-1).messages.findLast(({ role }) => role === 'user')
    return typeof content === 'string' ? [{ type: 'text', text: content }] : content
  }
  const texts = () =>
    seen()
      .flatMap(({ type, text }) => (type === 'text' ? [text] : []))
      .flatMap((text) => (differs.joinsFiles ? text.split(/\n\n(?=Attached file: )/) : [text]))

  it('text of any kind and size, whole and unaltered', async () => {
    const long = Array.from({ length: 3_000 }, (_, n) => `größe 日本 ${n} ${'x'.repeat(n % 90)}`).join('\n')
    const path = join(real.server.directory, 'long.md')
    writeFileSync(path, long)
    real.model.reply(text('read'))
    const files = [path, { data: '{"a":"😀"}', mime: 'application/json', filename: 'a.json' }]
    const result = await generate('see files', real.options({ files }))
    expect(result).toMatchObject({ text: 'read', finishReason: 'stop' })
    expect(texts()[0]).toBe('see files')
    expect(
      texts().some((text) => text.endsWith(long)),
      'the long one, to its end',
    ).toBe(true)
    expect(texts().some((text) => text.endsWith('{"a":"😀"}'))).toBe(true)
    expect(texts().join('\n')).toMatch(/long\.md[\s\S]*a\.json/)
  })

  it('an image', async () => {
    real.model.reply(text('a pixel'))
    const data = Buffer.from(PNG, 'base64')
    expect((await generate('what is it?', real.options({ files: [{ data }] }))).text).toBe('a pixel')
    const url = `data:image/png;base64,${PNG}`
    expect(seen()).toContainEqual({ type: 'image_url', image_url: { url } })
  })

  it('what the provider does not take is its error, never a file left out in silence', async () => {
    const files = [{ data: '%PDF-1.4 hello', filename: 'a.pdf' }]
    real.model.when('read the PDF', text('read'))
    const outcome = await generate('read the PDF', real.options({ files })).catch((error) => error)
    if (differs.sendsPdf) expect(JSON.stringify(seen())).toContain('application/pdf')
    else
      expect(outcome).toMatchObject({ code: 'ERR_OPENCODE_PROVIDER', message: expect.stringMatching(/pdf/) })
  })

  it('a file that is not there: no session, no prompt', async () => {
    const before = (await real.sessions()).length
    const files = [join(real.server.directory, 'nowhere')]
    const error = await generate('see file', real.options({ files })).catch((error) => error)
    expect(error).toMatchObject({ code: 'ERR_OPENCODE_FILE', accepted: false })
    expect(await real.sessions()).toHaveLength(before)
  })
})
