'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { fileURLToPath } = require('node:url')
const { invalid, isPlainObject, kindOf, refuseUnknownKeys, show } = require('./invalid-option.js')
const { OpenCodeError } = require('./opencode-error.js')

const HINT =
  'Pass a path, a `file:` or `data:` URL, or { path }, { url } or { data }, with `mime` and `filename` as you like.'
const REMOTE = /^(?!file:|data:)[a-z][a-z0-9+.-]*:\/\//i

/** What OpenCode hands to a model as it is; any other file must be text. */
const MEDIA = /^(image|audio|video)\/(?!svg)|^application\/pdf$/i

const BY_EXTENSION = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.bmp': 'image/bmp',
  '.avif': 'image/avif',
  '.heic': 'image/heic',
  '.pdf': 'application/pdf',
  '.mp3': 'audio/mpeg',
  '.wav': 'audio/wav',
  '.ogg': 'audio/ogg',
  '.flac': 'audio/flac',
  '.m4a': 'audio/mp4',
  '.mp4': 'video/mp4',
  '.mov': 'video/quicktime',
  '.webm': 'video/webm',
}

/** The option `files`: each as `{ path }` or `{ data }`, with `mime` and `filename` where they are known. */
function readFilesOption(value, subject) {
  if (Array.isArray(value)) return value.map((file, index) => readFile(file, `${subject}: file ${index}`))
  throw invalid(subject, `is ${kindOf(value)}, but must be an array`, HINT)
}

function readFile(value, subject) {
  if (typeof value === 'string' || value instanceof URL) return place(String(value), subject)
  if (!isPlainObject(value)) throw invalid(subject, `is ${kindOf(value)}, which is no file`, HINT)
  refuseUnknownKeys(value, ['path', 'url', 'data', 'mime', 'filename'], subject)
  const { mime, filename } = value
  for (const [key, text] of Object.entries({ mime, filename })) {
    if (text != null && (typeof text !== 'string' || text.trim() === '')) {
      throw invalid(subject, `has the \`${key}\` ${show(text)}, which is not a non-empty string`, HINT)
    }
  }
  const sources = ['path', 'url', 'data'].filter((key) => value[key] != null)
  if (sources.length !== 1) {
    throw invalid(subject, `has ${sources.length} of \`path\`, \`url\` and \`data\`, but must have one`, HINT)
  }
  const source = readSource(sources[0], value[sources[0]], subject)
  return { ...source, ...(mime != null && { mime }), ...(filename != null && { filename }) }
}

function readSource(key, value, subject) {
  if (key === 'data') {
    if (typeof value === 'string') return { data: Buffer.from(value) }
    if (value instanceof ArrayBuffer) return { data: Buffer.from(value) }
    if (ArrayBuffer.isView(value))
      return { data: Buffer.from(value.buffer, value.byteOffset, value.byteLength) }
    const hint = 'Pass bytes (a Uint8Array or Buffer), or a string, which is text.'
    throw invalid(subject, `has \`data\` that is ${kindOf(value)}`, hint)
  }
  if (key === 'path' && typeof value === 'string' && value !== '') return { path: path.resolve(value) }
  if (key === 'url' && (typeof value === 'string' || value instanceof URL))
    return place(String(value), subject)
  throw invalid(subject, `has the \`${key}\` ${show(value)}`, HINT)
}

/** A path, seen from `process.cwd()` as it is at the call; or a URL that needs no network. */
function place(text, subject) {
  if (text === '') throw invalid(subject, 'is an empty string', HINT)
  if (/^data:/i.test(text)) return dataUrl(text, subject)
  if (REMOTE.test(text)) {
    const hint = 'Nothing is fetched on your behalf: download it, and pass { data, mime }.'
    throw invalid(subject, 'is the address of something on the network', hint)
  }
  if (!/^file:/i.test(text)) return { path: path.resolve(text) }
  try {
    return { path: fileURLToPath(text) }
  } catch {
    throw invalid(subject, `is ${show(text)}, which names no file of this machine`, HINT)
  }
}

function dataUrl(text, subject) {
  const [, type, encoding, content] =
    /^data:([^,;]*)(?:;(?!base64,)[^,;]*)*(;base64)?,(.*)$/is.exec(text) ?? []
  try {
    if (content === undefined) throw new Error('no comma')
    const data = encoding ? base64(content) : Buffer.from(decodeURIComponent(content))
    return type === '' ? { data } : { data, mime: type }
  } catch {
    throw invalid(subject, 'is a `data:` URL that cannot be read', HINT)
  }
}

/** Node reads over what is not base64; half a file would be sent. */
function base64(content) {
  const plain = decodeURIComponent(content).replace(/\s/g, '')
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(plain)) throw new Error('not base64')
  return Buffer.from(plain, 'base64')
}

/** The contents of the files, as OpenCode's part objects. Throws before anything is sent. */
function readFiles(files) {
  return files.map((file) => {
    const name = file.filename ?? (file.path === undefined ? 'file' : path.basename(file.path))
    const bytes = file.data ?? readBytes(file.path)
    const { mime, data } = asModelsTakeIt(bytes, file, name)
    return { type: 'file', mime, filename: name, url: `data:${mime};base64,${data.toString('base64')}` }
  })
}

function readBytes(place) {
  try {
    // A pipe or a device would be read for ever.
    if (!fs.statSync(place).isFile())
      throw Object.assign(new Error('it is not a regular file'), { code: 'EINVAL' })
    return fs.readFileSync(place)
  } catch (cause) {
    throw unreadable(`The file ${place} cannot be read`, {
      hint: 'Check the path, which is seen from process.cwd(), and its permissions; folders cannot be sent.',
      cause,
      data: { path: place },
    })
  }
}

/**
 * OpenCode shows a model the text of `text/plain` alone (1.1.31 to 1.18.33), and media as they are; a prompt
 * with any other type fails, or fails on some releases. So whatever is text goes as `text/plain`.
 */
function asModelsTakeIt(bytes, { mime, path: place }, name) {
  if (mime !== undefined && MEDIA.test(mime)) return { mime, data: bytes }
  const media = mime === undefined ? magic(bytes) : undefined
  if (media) return { mime: media, data: bytes }
  const text = utf8(bytes)
  if (text) return { mime: 'text/plain', data: text }
  const byName = mime === undefined ? BY_EXTENSION[path.extname(name).toLowerCase()] : undefined
  if (byName) return { mime: byName, data: bytes }
  const what = mime === undefined ? 'is neither text nor' : `is said to be ${mime}, and is neither text nor`
  throw unreadable(`The file ${place ?? name} ${what} an image, a PDF, audio or video`, {
    hint: 'A model can be shown nothing else. If it is one of them, say so: { path, mime }.',
    data: { path: place },
  })
}

function magic(bytes) {
  const head = bytes.subarray(0, 12).toString('latin1')
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png'
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg'
  if (/^GIF8[79]a/.test(head)) return 'image/gif'
  if (/^RIFF....WEBP/s.test(head)) return 'image/webp'
  if (head.startsWith('%PDF-')) return 'application/pdf'
}

/** The bytes, if they are text; UTF-16 with its mark is written anew as UTF-8, since OpenCode reads no other. */
function utf8(bytes) {
  const mark = bytes.subarray(0, 2).toString('latin1')
  const wide = { '\xff\xfe': 'utf-16le', '\xfe\xff': 'utf-16be' }[mark]
  try {
    const text = new TextDecoder(wide ?? 'utf-8', { fatal: true }).decode(bytes)
    if (text.includes('\0')) return undefined
    return wide ? Buffer.from(text) : bytes
  } catch {
    return undefined
  }
}

function unreadable(message, details) {
  return new OpenCodeError(message, { code: 'ERR_OPENCODE_FILE', accepted: false, ...details })
}

module.exports = { readFilesOption, readFiles }
