'use strict'

// Makes a fresh clone ready to run: dependencies, then the native addon. Needs only Node and cargo.

const fs = require('node:fs')
const path = require('node:path')
const { ROOT, announce, run, isInstalled } = require('./steps.js')

/** Written by npm at the end of an installation. */
const INSTALLED = path.join(ROOT, 'node_modules', '.package-lock.json')
const BINDING = ['binding.js', 'binding.d.ts']
const SOURCES = [
  'src',
  'supervisor',
  'Cargo.toml',
  'Cargo.lock',
  'build.rs',
  'rust-toolchain.toml',
  'package.json',
]

function prepare() {
  if (needsInstall()) install()
  if (needsBuild()) build()
}

/**
 * The locked versions, with nothing written to package-lock.json. Not `npm ci`: it refuses a lock
 * without the optional packages of all other platforms, and not every registry has those.
 */
function install() {
  announce('npm install')
  run('npm', 'install', '--no-save', '--no-audit', '--no-fund')
  touch(INSTALLED)
}

function build() {
  if (!isInstalled('cargo')) {
    console.error('FAILED: the native addon is built with Rust, and there is no `cargo` on PATH.')
    console.error('Install Rust from https://rustup.rs, open a new shell, and try again.')
    process.exit(1)
  }
  announce('napi build')
  run('npx', 'napi', 'build', '--platform', '--release', '--js', BINDING[0], '--dts', BINDING[1])
  // cargo leaves an addon alone that came out the same: without this it would look outdated for ever.
  addons().forEach(touch)
}

function needsInstall() {
  const installed = modifiedAt(INSTALLED)
  return installed === 0 || installed < modifiedAt(path.join(ROOT, 'package-lock.json'))
}

function needsBuild() {
  if (BINDING.some((file) => !fs.existsSync(path.join(ROOT, file)))) return true
  const built = Math.max(0, ...addons().map(modifiedAt))
  return SOURCES.some((source) => newestIn(path.join(ROOT, source)) >= built)
}

function addons() {
  const names = fs.readdirSync(ROOT).filter((name) => name.endsWith('.node'))
  return names.map((name) => path.join(ROOT, name))
}

/** When the newest file of a tree, or the file itself, was changed; 0 when there is none. */
function newestIn(place) {
  if (!fs.statSync(place, { throwIfNoEntry: false })?.isDirectory()) return modifiedAt(place)
  const inside = fs.readdirSync(place).map((name) => newestIn(path.join(place, name)))
  // The folder's own time tells that a file was removed or renamed.
  return Math.max(modifiedAt(place), ...inside)
}

function touch(file) {
  const now = new Date()
  fs.utimesSync(file, now, now)
}

function modifiedAt(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

module.exports = { prepare, BINDING }

if (require.main === module) prepare()
