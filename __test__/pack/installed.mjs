// Once for all checks: both tarballs, installed into an empty folder as a user would, with no compiler in reach.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { npm } from './npm.mjs'
import { packed, ROOT } from './tarballs.mjs'

export default function setup({ provide }) {
  const folder = mkdtempSync(join(tmpdir(), 'opencode-pack-'))
  try {
    const tarballs = packed(folder)
    const project = join(folder, 'project')
    cpSync(fileURLToPath(new URL('programs', import.meta.url)), project, { recursive: true })
    install(project, Object.values(tarballs))
    // Not ours to check, so not fetched again.
    symlinkSync(join(ROOT, 'node_modules/vitest'), join(project, 'node_modules/vitest'), 'junction')
    provide('tarballs', tarballs)
    provide('project', project)
  } catch (error) {
    rmSync(folder, { recursive: true })
    throw error
  }
  return () => rmSync(folder, { recursive: true })
}

/**
 * Offline: the other platforms' packages are nowhere yet, and npm goes without them, as it does without any optional
 * one. A script that compiles would find nothing to do it with, but on Windows, where Node is not linked.
 */
function install(project, tarballs) {
  const bin = join(project, 'bin')
  mkdirSync(bin)
  const windows = process.platform === 'win32'
  if (!windows) symlinkSync(process.execPath, join(bin, 'node'))
  npm(['install', '--offline', '--no-audit', '--no-fund', ...tarballs.map(({ file }) => file)], {
    cwd: project,
    env: windows ? process.env : { PATH: bin, HOME: bin },
  })
}
