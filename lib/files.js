'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { fileURLToPath } = require('node:url')
const { invalid, kindOf, refuseUnknownKeys, show, snapshot } = require('./invalid-option.js')
const { OpenCodeError } = require('./opencode-error.js')
const { fromHere } = require('./working-directory.js')

const HINT =
  'Pass a path, a `file:` or `data:` URL, or { path }, { url } or { data }, with `mime` and `filename` as you like.'
const REMOTE = /^(?!file:|data:)(blob:|[a-z][a-z0-9+.-]*:\/\/)/i

/** What OpenCode hands to a model as it is; any other file must be text. */
const MEDIA = /^(image|audio|video)\/(?!svg)|^application\/pdf$/i

const MIME = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/

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
  // A hole of a sparse array is no file either.
  if (Array.isArray(value))
    return Array.from(value, (file, index) => readFile(file, `${subject}: file ${index}`))
  throw invalid(subject, `is ${kindOf(value)}, but must be an array`, HINT)
}

function readFile(given, subject) {
  if (typeof given === 'string' || given instanceof URL) return place(String(given), subject)
  const value = snapshot(given)
  if (value === undefined) throw invalid(subject, `is ${kindOf(given)}, which is no file`, HINT)
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
  return {
    ...source,
    ...(mime != null && { mime: essence(mime, subject) }),
    ...(filename != null && { filename }),
  }
}

/** A media type without its parameters: it goes into the head of a `data:` URL. */
function essence(mime, subject) {
  const [type] = mime.split(';', 1)
  if (MIME.test(type.trim())) return type.trim()
  throw invalid(subject, `has the media type ${show(mime)}, which is none`, HINT)
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
  if (key === 'path' && typeof value === 'string' && value !== '') return { path: fromHere(value, subject) }
  if (key === 'url' && /^[a-z][a-z0-9+.-]+:/i.test(value)) return place(String(value), subject)
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
  if (!/^file:/i.test(text)) return { path: fromHere(text, subject) }
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
    return type === '' ? { data } : { data, mime: essence(type, subject) }
  } catch (error) {
    if (error instanceof OpenCodeError) throw error
    throw invalid(subject, 'is a `data:` URL that cannot be read', HINT)
  }
}

/** Node reads over what is not base64; half a file would be sent. */
function base64(content) {
  const plain = decodeURIComponent(content).replace(/\s/g, '')
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(plain)) throw new Error('not base64')
  return Buffer.from(plain, 'base64')
}

/**
 * What the files of one turn may have in bytes, together. They travel as base64 in one body, and the string that holds
 * that has to fit into JavaScript and into what OpenCode's HTTP server takes.
 */
const MOST_BYTES = 96 * 1024 * 1024
const CHUNK = 1024 * 1024

/** The contents of the files, as OpenCode's part objects. Throws before anything is sent. */
function readFiles(files) {
  let left = MOST_BYTES
  return files.map((file) => {
    const name = file.filename ?? (file.path === undefined ? 'file' : path.basename(file.path))
    const bytes = file.data ?? readBytes(file.path, left)
    left -= bytes.length
    if (left < 0) throw tooLarge(file.path ?? name)
    const { mime, data } = asModelsTakeIt(bytes, file, name)
    return { type: 'file', mime, filename: name, url: `data:${mime};base64,${data.toString('base64')}` }
  })
}

function readBytes(place, most) {
  let file
  try {
    // A pipe or a device would be read for ever. Looked at twice: it may be another once it is open, and to open a pipe
    // that nobody writes to must not wait.
    mustBeFile(fs.statSync(place))
    file = fs.openSync(place, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0))
    const stat = fs.fstatSync(file)
    mustBeFile(stat)
    if (stat.size > most) throw tooLarge(place)
    return readAtMost(file, most)
  } catch (cause) {
    if (cause instanceof OpenCodeError) throw cause
    throw unreadable(`The file ${place} cannot be read: ${reasonOf(cause)}`, {
      hint: 'Check the path, which is seen from process.cwd(), and its permissions; folders cannot be sent.',
      cause,
      data: { path: place },
    })
  } finally {
    if (file !== undefined) fs.closeSync(file)
  }
}

function mustBeFile(stat) {
  if (!stat.isFile()) throw new Error('it is not a regular file')
}

/** All of it, or `most` bytes and one: some files, such as those of /proc, are longer than they say, or endless. */
function readAtMost(file, most) {
  const chunks = []
  for (let length = 0; length <= most; ) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, most + 1 - length))
    const count = fs.readSync(file, chunk)
    if (count === 0) break
    chunks.push(chunk.subarray(0, count))
    length += count
  }
  return Buffer.concat(chunks)
}

function tooLarge(place) {
  const most = MOST_BYTES / 1024 / 1024
  return unreadable(`With the file ${place} the files of this turn come to more than ${most} MiB`, {
    hint: 'Send fewer or smaller ones, or name their paths in the prompt: the agent can read them itself.',
    data: { path: place },
  })
}

const REASONS = {
  ENOENT: 'there is none',
  EACCES: 'its permissions forbid it',
  EISDIR: 'it is a folder',
  ERR_FS_FILE_TOO_LARGE: 'it is larger than Node can read at once',
}

function reasonOf({ code, message }) {
  return REASONS[code] ?? message
}

/**
 * OpenCode shows a model the text of `text/plain` alone (1.1.31 to 1.18.33), and media as they are; a prompt
 * with any other type fails, or fails on some releases. So whatever is text goes as `text/plain`.
 */
function asModelsTakeIt(bytes, { mime, path: place, filename }, name) {
  if (mime !== undefined && MEDIA.test(mime)) return { mime, data: bytes }
  const media = mime === undefined ? magic(bytes) : undefined
  if (media) return { mime: media, data: bytes }
  const text = utf8(bytes)
  if (text) return { mime: 'text/plain', data: text }
  const byName = mime === undefined ? BY_EXTENSION[path.extname(name).toLowerCase()] : undefined
  if (byName) return { mime: byName, data: bytes }
  const what = mime === undefined ? 'is neither text nor' : `is said to be ${mime}, and is neither text nor`
  throw unreadable(
    `${(place ?? filename) ? `The file ${place ?? name}` : 'A file without a name'} ${what} an image, a PDF, audio or video`,
    {
      hint: 'A model can be shown nothing else. If it is one of them, say so: { path, mime }.',
      data: { path: place },
    },
  )
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
