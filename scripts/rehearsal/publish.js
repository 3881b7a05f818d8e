'use strict'

// Publishes this tree to another registry, from a copy: the commands of a release write into package.json.

const { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { spawnSync } = require('node:child_process')
const { ROOT } = require('../steps.js')

/** For choosing packages only: it says what it is, and no Node loads it. */
const PLACEHOLDER = 'PLACEHOLDER of a release rehearsal: no addon was built for this platform here.\n'

/** `addons`: by target, the file that was built. All other targets get the placeholder. */
function publish(folder, { url, token }, addons) {
  const stage = join(folder, 'stage')
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  for (const name of [...manifest.files, 'scripts', 'package.json', 'README.md', 'LICENSE'])
    cpSync(join(ROOT, name), join(stage, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(stage, 'node_modules'))
  for (const target of manifest.napi.targets) artifact(stage, manifest.napi.binaryName, target, addons)
  const env = {
    ...process.env,
    NPM_CONFIG_REGISTRY: url,
    NPM_CONFIG_USERCONFIG: join(folder, 'npmrc'),
    NPM_CONFIG_CACHE: join(folder, 'npm-cache'),
    NPM_TOKEN: token,
    GITHUB_SERVER_URL: 'https://example.invalid',
    GITHUB_REPOSITORY: 'rehearsal/opencode-stream',
  }
  for (const step of ['stage', 'publish']) release(step, stage, env)
}

/** Where `actions/download-artifact` puts it. */
function artifact(stage, binary, target, addons) {
  const place = join(stage, 'artifacts', `addon-${target}`)
  mkdirSync(place, { recursive: true })
  const file = join(place, `${binary}.${platformOf(target)}.node`)
  if (addons[target]) cpSync(addons[target], file)
  else writeFileSync(file, PLACEHOLDER)
}

/** As napi names the platform of a target. */
function platformOf(target) {
  const [machine, , system, abi] = target.split('-')
  const name = { linux: 'linux', darwin: 'darwin', windows: 'win32' }[system]
  return [name, { x86_64: 'x64', aarch64: 'arm64' }[machine], abi].filter(Boolean).join('-')
}

function release(step, cwd, env) {
  const { status } = spawnSync(process.execPath, ['scripts/release.js', step], { cwd, env, stdio: 'inherit' })
  if (status !== 0) throw new Error(`scripts/release.js ${step} ended with ${status}`)
}

module.exports = { publish, platformOf }
