// Who uses whom, over all sources: no import circle, and no arrow against the rooms of docs/design.md.
import { describe, expect, it } from 'vitest'
import { circlesOf } from './module-graph/circles.mjs'
import { known, projectGraph } from './module-graph/project.mjs'
import { roomOf } from './module-graph/rooms.mjs'
import { rustGraph } from './module-graph/rust-graph.mjs'
import { violationsOf } from './module-graph/violations.mjs'

const graph = await projectGraph()
const { today, ...expected } = known()
const found = violationsOf(graph, today)

describe('the sources', () => {
  it('are all looked at', () => {
    for (const file of ['src/lib.rs', 'src/binding/mod.rs', 'src/mailbox.rs', 'index.js', 'bin/main.js'])
      expect([...graph.keys()]).toContain(file)
    expect([...graph.get('lib/client.js').files]).toContain('lib/generate-json.js')
    expect([...graph.get('src/mailbox.rs').files]).toContain('src/protocol/stream_event.rs')
  })

  it('have a room each', () => {
    expect(found.homeless).toEqual([])
  })

  // If one of these finds less than known.json has, shorten it; if it finds more, turn the new import around.
  // `node __test__/module-graph/print.mjs` prints what is found.
  it('stand in no import circle but those that are known', () => {
    expect(found.circles).toEqual(expected.circles)
  })

  it('use no room that they may not, but for what is known', () => {
    expect(found.arrows).toEqual(expected.arrows)
  })

  it('name no crate that they may not, but for what is known', () => {
    expect(found.crates).toEqual(expected.crates)
  })

  it('stand where known.json says that they stand today', () => {
    const files = [...graph.keys()]
    const places = Object.keys(today)
    const isNeeded = (place) => files.some((file) => roomOf(file, { [place]: 'here' }) === 'here')
    expect(places.filter((place) => !isNeeded(place))).toEqual([])
  })
})

/** The graph of a crate of these files, without the common `src/` and `.rs`. */
function graphOf(files) {
  const sources = Object.fromEntries(Object.entries(files).map(([name, text]) => [`src/${name}.rs`, text]))
  const short = (file) => file.slice('src/'.length, -'.rs'.length)
  const read = (file) => sources[file]
  return Object.fromEntries(
    [...rustGraph('src/lib.rs', read)].map(([file, { files }]) => [
      short(file),
      [...files].map(short).sort(),
    ]),
  )
}

const LEAVES = { b: 'pub struct B; pub fn f() {}', c: 'pub enum C { One }' }
const uses = (a) => graphOf({ lib: 'mod a; mod b; mod c;', a, ...LEAVES }).a

describe('a Rust path', () => {
  it.each([
    ['a plain use', 'use crate::b::B;', ['b']],
    ['a tree with braces in braces', 'use crate::{b::{self, B}, c::{C as D}};', ['b', 'c']],
    ['a glob', 'use crate::b::*;', ['b']],
    ['super', 'use super::{b, c::C};', ['b', 'c']],
    ['a use that is public', 'pub(crate) use crate::b::f as g;', ['b']],
    ['a use in a function', 'fn f() { use crate::c::C::{self, One}; }', ['c']],
    ['a path in the code', 'fn f() -> crate::c::C { crate::c::C::One }', ['c']],
    ['a module that was imported', 'use crate::b; fn g() { b::f() }', ['b']],
    ['another name of it', 'use crate::b as other; fn g() { other::f() }', ['b']],
    ['generics', 'fn f(x: Vec<crate::b::B>) -> Option<super::c::C> { None }', ['b', 'c']],
    ['a macro', 'fn f() { vec![crate::b::f()] }', ['b']],
    ['a macro of the language', 'macro_rules! m { () => { crate::b::f() } }', ['b']],
    ['a module in the file', 'mod inner { use super::super::b::B; fn f() { crate::c::C::One } }', ['b', 'c']],
    ['a comment', '// use crate::b::B;\n/* crate::c::C /* nested */ crate::b */', []],
    ['a string', 'const A: &str = "crate::b::B"; const R: &str = r#"use crate::c::C; " "#;', []],
    ['a quotation mark as a character', `const Q: char = '"'; use crate::b::B; const P: u8 = b'\\'';`, ['b']],
    ['a lifetime', "fn f<'a>(b: &'a str) -> crate::c::C<'a> {}", ['c']],
    ['what only tests compile', '#[cfg(test)]\nuse crate::b::B;\nuse crate::c::C;', ['c']],
    ['a function of tests', '#[cfg(test)] pub fn f(a: A, b: B) { crate::b::f() } use crate::c::C;', ['c']],
    ['a field of tests', 'struct S { #[cfg(test)] b: crate::b::B, c: crate::c::C }', ['c']],
    ['tests', '#[cfg(all(test, unix))] mod tests { use crate::b::B; }', []],
    ['what tests do not compile', '#[cfg(not(test))] use crate::b::B;', ['b']],
    ['what a system compiles', '#[cfg(any(test, unix))] use crate::b::B;', ['b']],
    ['another attribute', '#[derive(Debug)] #[serde(default)] struct S(crate::b::B);', ['b']],
    ['a method of that name', 'fn f(x: X) { x.b().c(); y.r#crate.b }', []],
    ['a crate', 'use std::fmt; use ::serde::b::B; fn f() { fmt::write() }', []],
  ])('%s', (_, source, files) => {
    expect(uses(source)).toEqual(files)
  })

  it('leads through a re-export to the file that has the item', () => {
    const files = { lib: 'mod a; mod up;', a: 'use crate::up::{Down, other};' }
    const up = { 'up/mod': 'mod down; mod far; pub use down::Down; pub use far::*;' }
    const below = { 'up/down': 'use super::other; pub struct Down;', 'up/far': 'pub fn other() {}' }
    expect(graphOf({ ...files, ...up, ...below })).toEqual({
      lib: [],
      a: ['up/down', 'up/far'],
      'up/mod': ['up/down', 'up/far'],
      'up/down': ['up/far'],
      'up/far': [],
    })
  })

  it('finds a module where `#[path]` says, and below a file of the same name', () => {
    const files = { lib: 'mod a; #[path = "odd/place.rs"] mod b;', a: 'mod d; use d::D; use crate::b::B;' }
    expect(graphOf({ ...files, 'odd/place': 'pub struct B;', 'a/d': 'pub struct D;' }).a).toEqual([
      'a/d',
      'odd/place',
    ])
  })

  it('complains of a module that is nowhere', () => {
    expect(() => graphOf({ lib: 'mod a;' })).toThrow('src/lib.rs: mod a is in none of src/a.rs, src/a/mod.rs')
  })
})

describe('what is against the rooms', () => {
  const graphWith = (imports) =>
    new Map(Object.entries(imports).map(([file, files]) => [file, { files: new Set(files) }]))

  it('is a circle, of any length, and not a diamond', () => {
    const circles = (imports) =>
      circlesOf(new Map(Object.entries(imports).map(([name, next]) => [name, new Set(next)])))
    expect(circles({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] })).toEqual([])
    expect(circles({ d: ['e'], e: ['d'], a: ['b'], b: ['c'], c: ['a', 'd'] })).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ])
  })

  it('is an arrow up, or sideways', () => {
    const { arrows } = violationsOf(
      graphWith({
        'src/protocol/turn/mod.rs': ['src/protocol/event.rs', 'src/driver/mod.rs'],
        'src/driver/mod.rs': ['src/protocol/turn/mod.rs'],
        'src/protocol/dialect/v2/mod.rs': ['src/protocol/dialect/v1/mod.rs'],
        'lib/client.js': ['ai-sdk/index.js', 'lib/log.js'],
      }),
    )
    expect(arrows).toEqual({
      'lib/client.js': ['ai-sdk'],
      'src/protocol/dialect/v2/mod.rs': ['v1'],
      'src/protocol/turn/mod.rs': ['driver'],
    })
  })

  it('is a crate out of its place', () => {
    const uses = { files: new Set(), crates: new Set(['napi', 'serde']) }
    const graph = new Map([['src/driver/mod.rs', uses]]).set('src/binding/mod.rs', uses)
    expect(violationsOf(graph).crates).toEqual({ 'src/driver/mod.rs': ['napi'] })
  })

  it('is a file in no room', () => {
    expect(violationsOf(graphWith({ 'src/attic.rs': [] })).homeless).toEqual(['src/attic.rs'])
  })
})
