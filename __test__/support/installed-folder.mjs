// Dependencies of a folder of its own: too heavy for everybody's `npm install`, fetched when a test needs them.
import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const WORDS = 'install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error'.split(' ')

/** Installs what the folder's package.json names, unless that has been done since it was changed. */
export async function installFolder(folder) {
  if (modifiedAt(join(folder, 'node_modules/.package-lock.json')) > modifiedAt(join(folder, 'package.json')))
    return
  await promisify(execFile)('npm', WORDS, { cwd: folder, shell: process.platform === 'win32' })
}

function modifiedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
