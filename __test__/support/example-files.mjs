// The files of examples/, by their paths in it; not what npm and Next put there while other tests run.
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url))
const MADE = new Set(['node_modules', '.next'])

export const exampleFiles = (folder = '') =>
  readdirSync(`${EXAMPLES}/${folder}`, { withFileTypes: true })
    .filter(({ name }) => !MADE.has(name))
    .flatMap((entry) => {
      const path = `${folder}${entry.name}`
      return entry.isDirectory() ? exampleFiles(`${path}/`) : [path]
    })
