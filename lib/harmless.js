'use strict'

/**
 * What a terminal obeys (all controls but tab and line feed), and what changes the order in which text is shown,
 * without being seen. Models, servers and file names can contain any of it.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const OBEYED = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
/** Those of them that JSON does not escape by itself. Some readers of lines take U+2028 and U+2029 for their end. */
const UNESCAPED = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Returns `text` with a visible character in the place of each that a terminal would obey. */
function harmless(text) {
  return text.replaceAll('\r\n', '\n').replace(OBEYED, (character) => {
    const code = character.charCodeAt(0)
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '␡' : '�'
  })
}

/** Writes JSON of the same meaning in which a terminal finds nothing to obey. */
function harmlessJson(value) {
  return JSON.stringify(value).replace(
    UNESCAPED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

module.exports = { harmless, harmlessJson }
