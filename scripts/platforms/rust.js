'use strict'

// The addon for other targets: the standard library from Debian's source package by cargo's build-std, linkers and C
// from PyPI's zig. RUSTC_BOOTSTRAP lets the stable compiler do what build-std needs.

const { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } = require('node:fs')
const { delimiter, join } = require('node:path')
const { CACHE, Skip, bounded, made, prepare } = require('./cache.js')
const { unpackOwn } = require('./debian.js')
const { ROOT } = require('../steps.js')

const COMPILER = ['rustc-web', 'libstd-rust-web-1.96', 'libstd-rust-web-dev', 'rust-web-src', 'libllvm22']

/** Debian's compiler beside its own sources, by a script that tells it where its libraries are. */
function compiler() {
  const folder = made('rust-1.96', (fresh) => unpackOwn(COMPILER, fresh))
  const script = join(folder, 'rustc')
  const libraries = join(folder, 'usr/lib/x86_64-linux-gnu')
  return program(
    script,
    `#!/bin/sh\nLD_LIBRARY_PATH=${libraries} exec ${join(folder, 'usr/bin/rustc')} "$@"\n`,
  )
}

function zig() {
  return made('zig', (fresh) =>
    prepare('python3', ['-m', 'pip', 'install', '--quiet', '--target', fresh, 'ziglang', 'cargo-zigbuild']),
  )
}

function program(file, text) {
  writeFileSync(file, text)
  chmodSync(file, 0o755)
  return file
}

function environment() {
  return {
    ...process.env,
    RUSTC: compiler(),
    RUSTC_BOOTSTRAP: '1',
    CARGO_UNSTABLE_BUILD_STD: 'std,panic_abort,panic_unwind',
    CARGO_PROFILE_DEV_DEBUG: 'false',
    CARGO_INCREMENTAL: '0',
    CARGO_TARGET_DIR: join(CACHE, 'target'),
  }
}

/** With all crates at hand, those of the standard library too: what fails afterwards is the code. */
function fetched(target) {
  const env = environment()
  prepare('cargo', ['fetch', '--locked', '--target', target], { cwd: ROOT, env })
  return env
}

/** `cargo check`, with warnings denied. It links nothing, so an empty file does for whatever is written in C. */
function check(target) {
  const folder = join(CACHE, 'no-objects')
  mkdirSync(folder, { recursive: true })
  const cc = program(join(folder, 'cc'), NO_OBJECTS)
  const ar = program(join(folder, 'ar'), NO_ARCHIVE)
  // ring asks for clang on Windows arm64. In a folder of its own: this machine's linker is found as `cc`.
  const path = join(folder, 'bin')
  mkdirSync(path, { recursive: true })
  program(join(path, 'clang'), NO_OBJECTS)
  const name = target.replaceAll('-', '_')
  const words = ['rustc', '--locked', '--profile', 'check', '--target', target, '--', '-D', 'warnings']
  return cargo(words, {
    ...fetched(target),
    PATH: [path, process.env.PATH].join(delimiter),
    [`CC_${name}`]: cc,
    [`AR_${name}`]: ar,
  })
}

const NO_OBJECTS = `#!/bin/sh
[ "$1" = --version ] && echo 'clang version 19.0.0' && exit
for word in "$@"; do
  case "$word" in -Fo* | /Fo*) : > "\${word#?Fo}" ;; -E) echo clang ;; esac
  [ "$previous" = -o ] && : > "$word"
  previous=$word
done
exit 0
`
const NO_ARCHIVE = `#!/bin/sh
for word in "$@"; do
  case "$word" in -out:* | /out:*) : > "\${word#?out:}" ;; *.a | *.lib) : > "$word" ;; esac
done
exit 0
`

/** The addon, linked: its file, or `null` if it does not build. */
function build(target, env = {}) {
  const whole = { ...linking(target), ...env }
  if (cargo(['zigbuild', '--locked', '--target', target], whole) !== 0) return null
  const names = ['libopencode_stream.so', 'opencode_stream.dll', 'libopencode_stream.dylib']
  const files = names.map((file) => join(whole.CARGO_TARGET_DIR, target, 'debug', file))
  return files.find((file) => existsSync(file)) ?? null
}

/** As `build`, by the command of the release workflow: optimised and stripped. */
function buildReleased(target) {
  const folder = join(CACHE, 'released', target)
  mkdirSync(folder, { recursive: true })
  const words = [join(ROOT, 'scripts/release.js'), 'build', target, '--output-dir', folder]
  const options = { cwd: ROOT, env: linking(target), stdio: ['ignore', 'inherit', 'inherit'] }
  if (bounded(process.execPath, words, options).status !== 0) return null
  const file = readdirSync(folder).find((name) => name.endsWith('.node'))
  return file ? join(folder, file) : null
}

function linking(target) {
  const tools = zig()
  return {
    ...fetched(target),
    PATH: [join(tools, 'bin'), process.env.PATH].join(delimiter),
    PYTHONPATH: tools,
  }
}

/** Its exit code. A `Skip` if anything but our own crates did not build: that is this machine's. */
function cargo(words, env) {
  const options = {
    cwd: ROOT,
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'inherit', 'pipe'],
  }
  const { status, stderr, error } = bounded('cargo', words, options)
  process.stderr.write(stderr ?? '')
  if (status === 0) return status
  if (/could not compile `(opencode-stream|supervisor)`|command for `opencode-stream/.test(stderr))
    return status
  const errors = (stderr ?? '').split('\n').filter((line) => /^\s*error/.test(line))
  throw new Skip(`cargo ${words[0]}: ${error?.message ?? errors.slice(-2).join(' / ')}`)
}

module.exports = { build, buildReleased, check }
