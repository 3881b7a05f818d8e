// What Rust says and what index.d.ts promises are written twice: they must name the same things.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const types = read('index.d.ts')
const all = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1])
const kebab = (name) => name.replace(/(?<!^)([A-Z])/g, '-$1').toLowerCase()

describe('the codes of errors', () => {
  const declared = new Set(all(types, /\| '(ERR_OPENCODE_\w+)'/g))

  it('that Rust or JavaScript can throw are all declared', () => {
    const rust = all(read('src/error.rs'), /rename = "(ERR_OPENCODE_\w+)"/g)
    expect(rust.length).toBeGreaterThan(15)
    expect(rust.filter((code) => !declared.has(code))).toEqual([])
  })

  it('that are declared are all explained, in the types and in docs/errors.md', () => {
    const docs = read('docs/errors.md')
    for (const code of declared) {
      const name = `\`${code.replace('ERR_OPENCODE_', '')}\``
      expect(types.split('export type OpenCodeErrorCode')[0], code).toContain(name)
      expect(docs, code).toContain(name)
    }
  })
})

describe('events', () => {
  const source = read('src/protocol/stream_event.rs')
  const body = source.slice(
    source.indexOf('pub enum StreamEvent'),
    source.indexOf('/// A tool call as it is now'),
  )

  it('of Rust and of the types are the same', () => {
    const rust = all(body, /^ {4}([A-Z]\w+)(?:\(| \{|,)/gm).map(kebab)
    const union = types.slice(types.indexOf('export type StreamEvent ='))
    const names = all(union.slice(0, union.indexOf('\n\n')), /\| (\w+)Event/g).map(kebab)
    expect(rust.sort()).toEqual(names.sort())
  })
})

it('the keys of a result in Rust and in the types are the same', () => {
  const verdict = read('src/protocol/turn/verdict.rs')
  const rust = [
    ...all(verdict.slice(verdict.indexOf('json!({')), /^ {12}"(\w+)":/gm),
    ...all(verdict, /result\["(\w+)"\] =/g),
  ]
  const start = types.indexOf('export interface GenerateResult {')
  const declared = all(types.slice(start, types.indexOf('\n}\n', start)), /^ {2}(\w+)\??:/gm)
  expect(rust.sort()).toEqual(declared.sort())
})
