// What one Rust source declares and names: its modules, its `use` trees, its items, and the paths in its code.
// Whatever only a test build compiles is left out.
import { isNeverTrue } from './rust-cfg.mjs'
import { tokensOf } from './rust-tokens.mjs'

const DEFINES = new Set(['fn', 'struct', 'enum', 'union', 'trait', 'type', 'const', 'static', 'macro_rules'])
const BEGINS_AN_ITEM = new Set([...DEFINES, 'pub', 'mod', 'use', 'impl', 'async', 'unsafe', 'extern'])
const CLOSING = { '(': ')', '[': ']', '{': '}' }

/**
 * `{ modules: [{ name, path?, inline? }], uses: [{ path, name, glob }], items: Set, paths: [[segment]] }`.
 * `path` of a module is that of its `#[path]`; `inline` is another such object.
 */
export function readSource(source) {
  return new Reader(tokensOf(source)).module()
}

class Reader {
  #tokens
  #at = 0
  #found

  constructor(tokens) {
    this.#tokens = tokens
  }

  /** Reads up to the end, or up to the brace that closes an inline module. */
  module() {
    const outer = this.#found
    const found = { modules: [], uses: [], items: new Set(), paths: [] }
    this.#found = found
    for (let depth = 0; this.#at < this.#tokens.length; ) {
      if (this.#is('}') && depth === 0) break
      if (this.#is('{')) depth += 1
      if (this.#is('}')) depth -= 1
      this.#next()
    }
    this.#found = outer
    return found
  }

  #next() {
    const attributes = this.#attributes()
    if (attributes.some(({ cfg }) => cfg !== undefined && isNeverTrue(cfg))) return this.#skip()
    if (attributes.length > 0) {
      const [path] = attributes.flatMap((attribute) => attribute.path ?? [])
      if (path === undefined) return
      while (!this.#is('mod')) this.#at += 1
      return this.#mod(path)
    }
    if (this.#is('mod') && this.#peek(1)?.kind === 'name') return this.#mod()
    if (this.#is('use')) return this.#use()
    const token = this.#peek()
    if (token.kind === 'name') return this.#name(token.text)
    this.#at += 1
    // `::name` is of a crate, and what stands behind a closing angle bracket is of a type.
    if (token.text === '::' && this.#peek()?.kind === 'name') this.#path()
  }

  #name(text) {
    const before = this.#tokens[this.#at - 1]?.text
    if (DEFINES.has(text) && before !== '.') {
      const at = this.#peek(1)?.text === '!' ? 2 : 1
      if (this.#peek(at)?.kind === 'name') this.#found.items.add(this.#peek(at).text)
    }
    const path = this.#path()
    if (before !== '.' && path.length > 1) this.#found.paths.push(path)
  }

  #path() {
    const path = [this.#take()]
    while (this.#is('::') && this.#peek(1)?.kind === 'name') {
      this.#at += 1
      path.push(this.#take())
    }
    return path
  }

  #mod(path) {
    this.#at += 1
    const name = this.#take()
    if (this.#is('{')) {
      this.#at += 1
      const inline = this.module()
      this.#found.modules.push({ name, inline })
    } else {
      this.#found.modules.push({ name, path })
    }
    this.#at += 1
  }

  #use() {
    this.#at += 1
    this.#tree([])
    this.#at += 1
  }

  /** One tree: `a::b`, `a::b as c`, `a::*`, `a::{self, b::{c, d}}`. */
  #tree(prefix) {
    const path = [...prefix]
    if (this.#is('::')) this.#at += 1
    for (;;) {
      if (this.#is('{')) return this.#trees(path)
      if (this.#is('*')) {
        this.#at += 1
        return this.#found.uses.push({ path, name: null, glob: true })
      }
      const segment = this.#take()
      // `self` at the end names the module itself; in front it is a place to begin.
      if (segment !== 'self' || path.length === 0) path.push(segment)
      if (!this.#is('::')) break
      this.#at += 1
    }
    let name = path.at(-1)
    if (this.#is('as')) {
      this.#at += 1
      name = this.#take()
    }
    this.#found.uses.push({ path, name, glob: false })
  }

  #trees(prefix) {
    this.#at += 1
    while (!this.#is('}')) {
      this.#tree(prefix)
      if (this.#is(',')) this.#at += 1
    }
    this.#at += 1
  }

  #attributes() {
    const found = []
    while (this.#is('#') && (this.#peek(1)?.text === '[' || this.#peek(2)?.text === '[')) {
      this.#at += this.#peek(1).text === '!' ? 2 : 1
      const from = this.#at
      this.#skipBracket()
      const inside = this.#tokens.slice(from + 1, this.#at - 1)
      if (inside[0]?.text === 'cfg') found.push({ cfg: inside.slice(2, -1) })
      else if (inside[0]?.text === 'path') found.push({ path: inside[2].text })
      else found.push({})
    }
    return found
  }

  /** An item, a field or a statement that is not compiled. */
  #skip() {
    const isItem = BEGINS_AN_ITEM.has(this.#peek()?.text)
    const endsInASemicolon = this.#startsWith('use', 'const', 'static', 'type')
    while (this.#at < this.#tokens.length) {
      const { text } = this.#peek()
      if (text === '}' || text === ')' || text === ']') return
      const isBlock = text === '{'
      if (text in CLOSING) this.#skipBracket()
      else this.#at += 1
      if (text === ';' || (text === ',' && !isItem) || (isBlock && !endsInASemicolon)) return
    }
  }

  #startsWith(...words) {
    let at = this.#at
    while (this.#tokens[at]?.text === 'pub') {
      at += 1
      if (this.#tokens[at]?.text === '(') at += 3
    }
    // `const fn` is a function.
    return words.includes(this.#tokens[at]?.text) && this.#tokens[at + 1]?.text !== 'fn'
  }

  #skipBracket() {
    let depth = 0
    do {
      const { kind, text } = this.#peek()
      if (kind === 'mark' && text in CLOSING) depth += 1
      if (kind === 'mark' && Object.values(CLOSING).includes(text)) depth -= 1
      this.#at += 1
    } while (depth > 0 && this.#at < this.#tokens.length)
  }

  #is(text) {
    const token = this.#peek()
    return token !== undefined && token.kind !== 'string' && token.text === text
  }

  #peek(ahead = 0) {
    return this.#tokens[this.#at + ahead]
  }

  #take() {
    return this.#tokens[this.#at++]?.text
  }
}
