// The graph of this project.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { javascriptGraph } from './javascript-graph.mjs'
import { rustGraph } from './rust-graph.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FOLDERS = ['lib', 'bin', 'ai-sdk', 'testing']

export async function projectGraph() {
  const rust = rustGraph('src/lib.rs', read)
  const javascript = await javascriptGraph(['index.js', ...FOLDERS.flatMap(scriptsIn)])
  return new Map([...rust, ...javascript])
}

function read(file) {
  const path = join(ROOT, file)
  return statSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path, 'utf8') : undefined
}

function scriptsIn(folder) {
  const names = readdirSync(join(ROOT, folder), { recursive: true })
  return names.filter((name) => name.endsWith('.js')).map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
}

/** What is still against the rooms, and where today's files will stand. It only ever gets shorter. */
export function known() {
  return JSON.parse(read('__test__/module-graph/known.json'))
}
