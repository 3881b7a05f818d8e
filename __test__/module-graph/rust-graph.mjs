// The graph of a Rust crate: which file uses which other one. A path through a module that only re-exports leads to
// the file that has the item, so that a `mod.rs` which merely lists what is below it stands in no circle.
import path from 'node:path'
import { readSource } from './rust-source.mjs'

/** A map from each file of the crate to `{ files: Set, crates: Set }`. `read(file)`: its text, or undefined. */
export function rustGraph(root, read) {
  const crate = load(root, undefined, read)
  const graph = new Map()
  visit(crate, (module) => {
    const uses = graph.get(module.file) ?? { files: new Set(), crates: new Set() }
    graph.set(module.file, uses)
    for (const used of [...module.source.uses, ...module.source.paths.map((path) => ({ path }))]) {
      const found = resolve(crate, module, used.path)
      if (typeof found === 'string') uses.crates.add(found)
      else if (found !== undefined && found.file !== module.file) uses.files.add(found.file)
    }
  })
  return graph
}

/** One module, `{ file, source, parent, children }`, with all below it. */
function load(file, parent, read, source = readSource(read(file))) {
  const module = { file, source, parent, children: new Map() }
  for (const child of source.modules) {
    if (child.inline) {
      module.children.set(child.name, load(file, module, read, child.inline))
      continue
    }
    const places = placesOf(file, child)
    const found = places.find((place) => read(place) !== undefined)
    if (found === undefined) throw new Error(`${file}: mod ${child.name} is in none of ${places.join(', ')}`)
    module.children.set(child.name, load(found, module, read))
  }
  return module
}

function placesOf(file, { name, path: named }) {
  const folder = path.posix.dirname(file)
  if (named !== undefined) return [path.posix.join(folder, named)]
  const own = /^(mod|lib|main)\.rs$/.test(path.posix.basename(file)) ? folder : file.replace(/\.rs$/, '')
  return [`${own}/${name}.rs`, `${own}/${name}/mod.rs`]
}

function visit(module, see) {
  see(module)
  for (const child of module.children.values()) visit(child, see)
}

/** The module whose file has what `path` names; the name of a crate; or undefined for a local name. */
function resolve(crate, module, segments, seen = new Set()) {
  const [first, ...rest] = segments
  if (first === 'crate') return descend(crate, crate, rest, seen)
  if (first === 'self') return descend(crate, module, rest, seen)
  if (first === 'super') return resolveSuper(crate, module, segments, seen)
  if (module.children.has(first)) return descend(crate, module, segments, seen)
  const imported = module.source.uses.find(({ name, path }) => name === first && path !== segments)
  if (imported !== undefined) return follow(crate, module, imported, rest, seen)
  if (module.source.items.has(first)) return module
  return /^[a-z]/.test(first) ? first : undefined
}

function resolveSuper(crate, module, segments, seen) {
  let [at, from] = [module, segments]
  while (from[0] === 'super' && at.parent) [at, from] = [at.parent, from.slice(1)]
  return descend(crate, at, from, seen)
}

/** Goes down as far as modules go; the next name is an item, maybe one that is re-exported. */
function descend(crate, module, segments, seen) {
  const [first, ...rest] = segments
  if (first === undefined) return module
  if (module.children.has(first)) return descend(crate, module.children.get(first), rest, seen)
  if (module.source.items.has(first)) return module
  const imported = module.source.uses.find(({ name }) => name === first)
  if (imported !== undefined) return follow(crate, module, imported, rest, seen)
  for (const glob of module.source.uses.filter(({ glob }) => glob)) {
    const found = resolve(crate, module, glob.path, seen)
    if (found?.source?.items.has(first)) return found
  }
  return module
}

function follow(crate, module, imported, rest, seen) {
  if (seen.has(imported)) return module
  const found = resolve(crate, module, [...imported.path, ...rest], new Set([...seen, imported]))
  // A crate may have the name of a macro that is imported: only the crate has anything below it.
  return typeof found === 'string' && rest.length > 0 ? imported.name : found
}
