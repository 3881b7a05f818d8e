'use strict'

const { join } = require('node:path')
const { fromNpm } = require('./npm-package.js')

const NEWEST = '1.18.33'
const underway = new Map()

/** OpenCode's npm package for this machine. The `-baseline` ones, for processors without AVX2, are left out. */
function platformPackage() {
  const os = process.platform === 'win32' ? 'windows' : process.platform
  const musl = os === 'linux' && !process.report?.getReport().header.glibcVersionRuntime ? '-musl' : ''
  return `opencode-${os}-${process.arch}${musl}`
}

function opencodeBinary(version = NEWEST) {
  if (!underway.has(version)) {
    const found = find(version)
    // A failed download may succeed next time.
    found.catch(() => underway.delete(version))
    underway.set(version, found)
  }
  return underway.get(version)
}

function find(version) {
  const name = platformPackage()
  const executable = process.platform === 'win32' ? 'opencode.exe' : 'opencode'
  return fromNpm(`${name}@${version}`, join(name, 'bin', executable))
}

module.exports = { NEWEST, opencodeBinary, platformPackage }
