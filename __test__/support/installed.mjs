// An empty project that has installed the package, as a new user has it: packed, unpacked, nothing of the repository.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** `files` are their contents by name. No registry is asked: vitest and the releases of OpenCode are linked. */
export function installedProject(files) {
  const folder = mkdtempSync(join(tmpdir(), 'opencode-user-'))
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, '.cache'), { recursive: true })
  mkdirSync(join(folder, 'tmp'))
  const addon = installPackage(modules)
  symlinkSync(join(ROOT, 'node_modules/vitest'), join(modules, 'vitest'))
  symlinkSync(join(ROOT, 'node_modules/.cache/opencode-stream'), join(modules, '.cache/opencode-stream'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return {
    run: (...words) => run(folder, words),
    vitest: (...words) => runVitest(folder, words),
    omitAddon: () => rmSync(addon, { recursive: true }),
    remove: () => rmSync(folder, { recursive: true }),
  }
}

/**
 * The package, as it would be published, and the addon where npm would put the one for this machine: the folder that
 * is returned.
 */
export function installPackage(modules) {
  const npm = ['pack', '--ignore-scripts', '--json', '--pack-destination', modules]
  const [{ filename, version }] = JSON.parse(
    execFileSync('npm', npm, { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] }),
  )
  execFileSync('tar', ['-xzf', filename], { cwd: modules })
  // What `npm install` made of a folder is a link to it.
  rmSync(join(modules, 'opencode-stream'), { recursive: true, force: true })
  renameSync(join(modules, 'package'), join(modules, 'opencode-stream'))
  rmSync(join(modules, filename))
  const addon = readdirSync(ROOT).find((name) => name.endsWith('.node'))
  const name = addon.replace('.node', '').replace('.', '-')
  mkdirSync(join(modules, name), { recursive: true })
  cpSync(join(ROOT, addon), join(modules, name, addon))
  writeFileSync(join(modules, name, 'package.json'), JSON.stringify({ name, version, main: addon }))
  return join(modules, name)
}

/** `left` are the files that were left in the folder for temporary ones. */
async function run(folder, words) {
  const tmp = join(folder, 'tmp')
  // Nothing of this run of vitest, which would make the one inside believe that it is part of it.
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: tmp }
  const child = spawn(process.execPath, words, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (bytes) => (printed += bytes))
  const [code] = await once(child, 'close')
  return { code, printed, left: readdirSync(tmp).filter((name) => name.startsWith('opencode')) }
}

async function runVitest(folder, words) {
  const vitest = join(folder, 'node_modules/vitest/vitest.mjs')
  const report = join(folder, 'report.json')
  const outcome = await run(folder, [vitest, 'run', ...words, '--reporter=json', `--outputFile=${report}`])
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  return {
    ...outcome,
    passed: tests.filter(({ status }) => status === 'passed').map(({ title }) => title),
    /** Title → messages. */
    failed: Object.fromEntries(
      tests
        .filter(({ status }) => status === 'failed')
        .map((test) => [test.title, test.failureMessages.join('\n')]),
    ),
  }
}
