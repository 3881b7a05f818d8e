// The option `files`, up to the part objects that OpenCode gets.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { invalid, refusal } from './support/requests.mjs'
import { scripted } from './support/scripted-stream.mjs'

const PNG = Buffer.from('89504e470d0a1a0a0000', 'hex')
let folder
const at = (name) => join(folder, name)

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'opencode-stream-files-'))
  writeFileSync(at('größe.md'), '# Größe')
  writeFileSync(at('empty.txt'), '')
  writeFileSync(at('pixel.dat'), PNG)
  writeFileSync(at('song.mp3'), Buffer.from([0xff, 0xfb, 0x00, 0x80]))
  writeFileSync(at('program.bin'), Buffer.from([0, 1, 2, 0xff]))
  writeFileSync(at('wide.txt'), Buffer.from('\ufeffweit', 'utf16le'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The file parts of the prompt that `files` makes, with their contents. */
async function sent(...files) {
  const { stream, turns } = scripted((turn) => turn.finish(), { files })
  await stream.result
  const [prompt, ...parts] = turns[0].request.parts
  expect(prompt).toEqual({ type: 'text', text: 'Hello' })
  return parts.map(({ type, url, ...part }) => {
    const [head, content] = url.split(',')
    expect([type, head]).toEqual(['file', `data:${part.mime};base64`])
    return { ...part, data: Buffer.from(content, 'base64').toString('latin1') }
  })
}
const latin1 = (text) => Buffer.from(text).toString('latin1')

describe('a file', () => {
  it('is a path, absolute or seen from here, or a `file:` URL', async () => {
    const file = { mime: 'text/plain', filename: 'größe.md', data: latin1('# Größe') }
    const path = at('größe.md')
    const files = [
      path,
      relative(process.cwd(), path),
      pathToFileURL(path),
      pathToFileURL(path).href,
      { path },
    ]
    expect(await sent(...files, { url: pathToFileURL(path) })).toEqual(Array(6).fill(file))
  })

  it('is a `data:` URL', async () => {
    const files = ['data:text/csv;charset=utf-8,a%2Cb', { url: 'data:;base64,YSxi', filename: 'a.csv' }]
    expect(await sent(...files)).toEqual([
      { mime: 'text/plain', filename: 'file', data: 'a,b' },
      { mime: 'text/plain', filename: 'a.csv', data: 'a,b' },
    ])
  })

  it('is data: bytes as they are, or a string, which is text', async () => {
    const files = [
      { data: PNG },
      { data: new Uint8Array(PNG).buffer },
      { data: 'YSxi', filename: 'not-base64.txt' },
    ]
    expect(await sent(...files)).toMatchObject([
      { mime: 'image/png', data: PNG.toString('latin1') },
      { mime: 'image/png' },
      { mime: 'text/plain', data: 'YSxi' },
    ])
  })

  it('that is text goes as text/plain, which is all that OpenCode shows a model', async () => {
    const files = [
      { data: '{"a":1}', mime: 'application/json' },
      { data: '<svg/>', mime: 'image/svg+xml' },
      { data: '# a', filename: 'a.png' },
      at('empty.txt'),
      at('wide.txt'),
    ]
    const parts = await sent(...files)
    expect(parts.map(({ mime }) => mime)).toEqual(Array(5).fill('text/plain'))
    expect(parts.slice(3).map(({ data }) => data)).toEqual(['', 'weit'])
  })

  it('that is an image or the like is known by its content, its `mime` or its name', async () => {
    const files = [at('pixel.dat'), { path: at('program.bin'), mime: 'audio/wav' }, at('song.mp3')]
    expect((await sent(...files)).map(({ mime }) => mime)).toEqual(['image/png', 'audio/wav', 'audio/mpeg'])
  })

  it('is read at the start, not at the call', async () => {
    writeFileSync(at('late.txt'), 'before')
    const { stream, turns } = scripted((turn) => turn.finish(), { files: [at('late.txt')] })
    writeFileSync(at('late.txt'), 'after')
    await stream.result
    expect(Buffer.from(turns[0].request.parts[1].url.split(',')[1], 'base64').toString()).toBe('after')
  })
})

describe('a file that cannot be sent', () => {
  it.each(['nowhere.txt', '.', 'pipe', 'program.bin'])(
    '%s: an error before anything is sent',
    async (name) => {
      if (name === 'pipe') execFileSync('mkfifo', [at(name)])
      const { stream, turns } = scripted(() => {}, { files: [at(name)] })
      const error = await stream.result.catch((error) => error)
      expect(error).toMatchObject({
        code: 'ERR_OPENCODE_FILE',
        accepted: false,
        message: expect.stringContaining(at(name)),
        data: { path: at(name) },
      })
      expect(turns).toEqual([])
    },
  )

  it('too many bytes together are refused before they are read', async () => {
    const files = [at('large.pdf'), at('larger.pdf')]
    for (const file of files) writeFileSync(file, '%PDF-')
    for (const file of files) truncateSync(file, 60 * 1024 * 1024)
    for (const [given, name] of [
      [files, files[1]],
      [[{ data: new Uint8Array(97 * 1024 * 1024) }], 'file'],
    ]) {
      const { stream, turns } = scripted(() => {}, { files: given })
      await expect(stream.result).rejects.toMatchObject({
        code: 'ERR_OPENCODE_FILE',
        message: expect.stringContaining(
          `With the file ${name} the files of this turn come to more than 96 MiB`,
        ),
        accepted: false,
      })
      expect(turns).toEqual([])
    }
  })

  it.skipIf(process.platform !== 'linux')(
    'a link to itself, a device, and a file that never ends are errors',
    async () => {
      symlinkSync(at('loop'), at('loop'))
      for (const file of [at('loop'), '/dev/zero', '/dev/stdin', '/proc/self/mem']) {
        const { stream } = scripted(() => {}, { files: [file] })
        await expect(stream.result).rejects.toMatchObject({ code: 'ERR_OPENCODE_FILE', accepted: false })
      }
    },
  )

  it('a name that a terminal would obey is harmless in the error', async () => {
    const { stream } = scripted(() => {}, { files: [at('\u001b]0;owned\u0007\u202e.txt')] })
    const error = await stream.result.catch((error) => error)
    expect(error.code).toBe('ERR_OPENCODE_FILE')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys
    expect(`${error.stack}${error.cause.stack}`).not.toMatch(/[\u001b\u0007\u202e]/)
  })

  it.each([
    ['a.txt', 'must be an array', 'Pass a path'],
    [['https://example.org/a.png'], 'on the network', 'download it'],
    [[{ url: 'http://example.org/a.png' }], 'on the network', 'download it'],
    [['file://elsewhere/a.txt'], 'names no file of this machine', ''],
    [['data:image/png;base64,!!!'], 'cannot be read', ''],
    [['data:nothing'], 'cannot be read', ''],
    [[''], 'empty string', ''],
    [[5], 'a number', ''],
    [[{}], 'has 0 of', ''],
    [[{ path: 'a', data: 'b' }], 'has 2 of', ''],
    [[{ path: 'a', mimeType: 'text/plain' }], '`mimeType`', 'mime'],
    [[{ path: 'a', mime: '' }], 'mime', ''],
    [[{ path: 'a', mime: 'image/png,x' }], 'media type', ''],
    [['data:image/p\nng,x'], 'media type', ''],
    [[{ data: 5 }], 'a number', 'bytes'],
  ])('%j is refused at the call', (files, message, hint) => {
    expect(refusal({ files })).toMatchObject(invalid(new RegExp(message), hint))
  })
})
