// What a release would publish from here: the root package and the one for this platform, by napi's own commands.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { npm } from './npm.mjs'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The two files, and what is in them by `npm pack`'s own word. */
export function packed(folder) {
  const stage = unpacked(pack(ROOT, folder), join(folder, 'stage'))
  napi(stage, 'create-npm-dirs')
  const addon = readdirSync(ROOT).find((name) => name.endsWith('.node'))
  const [binary, platform] = addon.split('.')
  for (const each of readdirSync(join(stage, 'npm'))) {
    const place = join(stage, 'npm', each, `${binary}.${each}.node`)
    // Napi refuses a release that is not complete; the stand-ins of other platforms stay in this folder.
    if (each === platform) cpSync(join(ROOT, addon), place)
    else writeFileSync(place, 'built elsewhere')
  }
  napi(stage, 'pre-publish', '--skip-optional-publish', '--no-gh-release')
  return { root: pack(stage, folder), platform: pack(join(stage, 'npm', platform), folder) }
}

function pack(from, to) {
  const words = ['pack', '--ignore-scripts', '--json', '--pack-destination', to, from]
  const [{ name, filename, files, unpackedSize }] = JSON.parse(npm(words, { cwd: to }))
  const paths = files.map(({ path }) => path).sort()
  return { name, file: join(to, filename), files: paths, unpackedSize }
}

function unpacked({ file }, folder) {
  mkdirSync(folder)
  run('tar', ['-xzf', file, '--strip-components=1'], folder)
  return folder
}

function napi(cwd, ...words) {
  const { bin } = JSON.parse(readFileSync(join(ROOT, 'node_modules/@napi-rs/cli/package.json'), 'utf8'))
  run(process.execPath, [join(ROOT, 'node_modules/@napi-rs/cli', bin.napi), ...words], cwd)
}

function run(command, words, cwd) {
  return execFileSync(command, words, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
