'use strict'

// What is built for other platforms and run in a root: by name, the target, the environment of its build, how the
// package calls its addon, the root and what it is.

const { mkdirSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { CACHE } = require('./cache.js')
const { arm64GnuRoot, arm64MuslRoot, muslRoot, wineRoot } = require('./roots.js')

const DYNAMIC = { RUSTFLAGS: '-C target-feature=-crt-static' }

const RUN = {
  'linux-x64-musl': {
    target: 'x86_64-unknown-linux-musl',
    env: () => DYNAMIC,
    addon: 'linux-x64-musl',
    makeRoot: muslRoot,
    emulator: 'musl 1.2.5 of Debian 13, chroot',
  },
  // The linker for msvc comes with Microsoft's SDK. This is the same `cfg(windows)` code.
  'win32-x64': {
    target: 'x86_64-pc-windows-gnullvm',
    env: libnode,
    addon: 'win32-x64-msvc',
    makeRoot: wineRoot,
    emulator: 'Wine of Debian 13',
  },
  'linux-arm64-gnu': {
    target: 'aarch64-unknown-linux-gnu',
    env: () => ({}),
    addon: 'linux-arm64-gnu',
    makeRoot: arm64GnuRoot,
    emulator: 'qemu-user of Debian 13',
  },
  'linux-arm64-musl': {
    target: 'aarch64-unknown-linux-musl',
    env: () => DYNAMIC,
    addon: 'linux-arm64-musl',
    makeRoot: arm64MuslRoot,
    emulator: 'qemu-user of Debian 13',
  },
}

/** Only linked: there is nothing here to run it in. */
const LINKED = { 'win32-arm64': { target: 'aarch64-pc-windows-gnullvm', env: libnode } }

/** Only compiled, with warnings denied. */
const CHECKED = {
  'win32-x64-msvc': 'x86_64-pc-windows-msvc',
  'win32-arm64-msvc': 'aarch64-pc-windows-msvc',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
}

/** napi's build script wants to see a libnode on this target; nothing is taken from it. */
function libnode() {
  const folder = join(CACHE, 'libnode')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'libnode.dll'), '')
  writeFileSync(join(folder, 'libnode.a'), '!<arch>\n')
  return { LIBNODE_PATH: folder }
}

module.exports = { RUN, LINKED, CHECKED }
