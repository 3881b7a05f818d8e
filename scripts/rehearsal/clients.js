'use strict'

// The clients that install a package, each in an empty project of its own, as a user would use it.

const { mkdirSync, readdirSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { spawnSync } = require('node:child_process')
const { fromNpm } = require('../../testing/npm-package.js')
const { tools, TOOLS } = require('./registry.js')

const BUN = '1.4.5'

/** [client, what it is started with, its words to add a package, whether it reads for which libc a package is] */
async function clients() {
  const at = tools()
  const bun = await fromNpm(`@oven/bun-linux-x64@${BUN}`, join('@oven', 'bun-linux-x64', 'bin', 'bun'))
  return [
    ['npm', ['npm'], ['install', '--no-audit', '--no-fund']],
    [`pnpm ${TOOLS.pnpm}`, [join(at, '.bin/pnpm')], ['add']],
    [`yarn ${TOOLS['@yarnpkg/cli-dist']}`, node(join(at, '@yarnpkg/cli-dist/bin/yarn.js')), ['add']],
    [`yarn ${TOOLS.yarn}`, node(join(at, 'yarn/bin/yarn.js')), ['add'], false],
    [`bun ${BUN}`, [bun], ['add']],
  ]
}

const node = (script) => [process.execPath, script]

/** Makes an empty project that takes packages from `url` alone. */
function project(folder, url) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "private": true }\n')
  writeFileSync(join(folder, '.npmrc'), `registry=${url}\n`)
  const yarn = { nodeLinker: 'node-modules', npmRegistryServer: url, unsafeHttpWhitelist: ['127.0.0.1'] }
  // It is a minute old: clients may be set to refuse that, pnpm and yarn by settings of their own.
  const lines = Object.entries({ ...yarn, npmMinimalAgeGate: 0, enableTelemetry: false })
  writeFileSync(
    join(folder, '.yarnrc.yml'),
    lines.map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`).join(''),
  )
  writeFileSync(join(folder, 'pnpm-workspace.yaml'), 'minimumReleaseAge: 0\n')
  return folder
}

/** Adds the package with one client. Throws with the client's own words. */
function install([, program, words], folder) {
  const [command, ...args] = [...program, ...words, 'opencode-stream']
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 300_000,
    env: alone(folder),
  })
  if (status !== 0)
    throw new Error(error?.message ?? `${stdout}\n${stderr}`.trim().split('\n').slice(-5).join(' / '))
}

/** Nothing of the user's own settings, stores and caches. */
function alone(folder) {
  const own = join(folder, '..', 'home')
  mkdirSync(own, { recursive: true })
  const { PATH, TMPDIR } = process.env
  const homes = {
    HOME: own,
    XDG_CACHE_HOME: own,
    XDG_CONFIG_HOME: own,
    XDG_DATA_HOME: own,
    XDG_STATE_HOME: own,
  }
  return { PATH, ...(TMPDIR && { TMPDIR }), ...homes, CI: '1' }
}

/** The platforms whose addon is anywhere in the project. */
function taken(folder) {
  const found = readdirSync(folder, { recursive: true })
    .map((file) => /opencode-stream\.([\w-]+)\.node$/.exec(String(file))?.[1])
    .filter(Boolean)
  return [...new Set(found)].sort()
}

module.exports = { clients, project, install, taken }
