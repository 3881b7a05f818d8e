// The tokens of a Rust source, as far as a module graph needs them: comments, strings, characters and lifetimes are
// read so that nothing in them is taken for code.

const SPACE = /\s+/y
const LINE_COMMENT = /\/\/[^\n]*/y
const RAW_STRING = /(?:b|c)?r(#*)"[\s\S]*?"\1/y
const STRING = /(?:b|c)?"((?:\\[\s\S]|[^"\\])*)"/y
const CHARACTER = /b?'(?:\\(?:u\{[^}]*\}|x[\da-fA-F]{2}|[\s\S])|[^'\\])'/y
const LIFETIME = /'[\p{L}_][\p{L}\p{N}_]*/uy
const IDENTIFIER = /(?:r#)?[\p{L}_][\p{L}\p{N}_]*/uy
const NUMBER = /\d[\w.]*?(?=[^\w.]|\.\.|\.[a-z]|$)/y

/** `[{ kind: 'name' | 'string' | 'mark', text }]`; `::` is one mark, other punctuation a character each. */
export function tokensOf(source) {
  const tokens = []
  let at = 0
  const match = (pattern) => {
    pattern.lastIndex = at
    const found = pattern.exec(source)
    if (found) at = pattern.lastIndex
    return found
  }
  while (at < source.length) {
    if (match(SPACE) || match(LINE_COMMENT)) continue
    if (source.startsWith('/*', at)) {
      at = endOfBlockComment(source, at)
      continue
    }
    if (match(RAW_STRING)) continue
    const string = match(STRING)
    if (string) tokens.push({ kind: 'string', text: string[1] })
    if (string || match(CHARACTER) || match(LIFETIME)) continue
    const name = match(IDENTIFIER)
    if (name) tokens.push({ kind: 'name', text: name[0].replace(/^r#/, '') })
    if (name || match(NUMBER)) continue
    const mark = source.startsWith('::', at) ? '::' : source[at]
    tokens.push({ kind: 'mark', text: mark })
    at += mark.length
  }
  return tokens
}

/** Block comments nest. */
function endOfBlockComment(source, from) {
  let depth = 0
  for (let at = from; at < source.length; at++) {
    if (source.startsWith('/*', at)) depth += 1
    else if (source.startsWith('*/', at)) depth -= 1
    else continue
    at += 1
    if (depth === 0) return at + 1
  }
  return source.length
}
