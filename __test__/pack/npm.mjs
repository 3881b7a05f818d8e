// npm by its own program, run by this Node: its launcher is a script of the shell, and looks for more than Node on PATH.
import { execFileSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

export function npm(words, options) {
  return execFileSync(process.execPath, [program(), ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  })
}

function program() {
  const { npm_execpath: running = '', PATH = '' } = process.env
  if (running.endsWith('npm-cli.js')) return running
  const launcher = PATH.split(delimiter)
    .map((folder) => join(folder, 'npm'))
    .find(existsSync)
  if (launcher === undefined) throw new Error('There is no npm on PATH.')
  const beside = join(dirname(launcher), 'node_modules/npm/bin/npm-cli.js')
  return existsSync(beside) ? beside : realpathSync(launcher)
}
