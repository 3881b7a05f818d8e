// Once for all checks: both tarballs, installed into an empty folder as a user would, with no compiler in reach.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packed, ROOT } from './tarballs.mjs'

export default function setup({ provide }) {
  const folder = mkdtempSync(join(tmpdir(), 'opencode-pack-'))
  try {
    const tarballs = packed(folder)
    const project = join(folder, 'project')
    cpSync(fileURLToPath(new URL('programs', import.meta.url)), project, { recursive: true })
    install(project, Object.values(tarballs))
    // Not ours to check, so not fetched again.
    symlinkSync(join(ROOT, 'node_modules/vitest'), join(project, 'node_modules/vitest'))
    provide('tarballs', tarballs)
    provide('project', project)
  } catch (error) {
    rmSync(folder, { recursive: true })
    throw error
  }
  return () => rmSync(folder, { recursive: true })
}

/** Offline: the other platforms' packages are nowhere yet, and npm goes without them, as it does without any optional one. */
function install(project, tarballs) {
  const bin = join(project, 'bin')
  mkdirSync(bin)
  symlinkSync(process.execPath, join(bin, 'node'))
  const flags = ['--offline', '--no-audit', '--no-fund', '--foreground-scripts']
  execFileSync(process.execPath, [npm(), 'install', ...flags, ...tarballs.map(({ file }) => file)], {
    cwd: project,
    env: { PATH: bin, HOME: join(project, 'bin') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** npm's program itself: its launcher looks for more on PATH than Node. */
function npm() {
  if (process.env.npm_execpath?.endsWith('npm-cli.js')) return process.env.npm_execpath
  const found = execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim()
  return join(dirname(realpathSync(found)), 'npm-cli.js')
}
