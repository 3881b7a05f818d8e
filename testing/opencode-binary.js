'use strict'

const { join } = require('node:path')
const { generationOf } = require('./generation.js')
const { fromNpm } = require('./npm-package.js')

const NEWEST = '1.18.33'
const underway = new Map()

/**
 * OpenCode's npm package for this machine. Of generation 1 the `-baseline` ones, for processors without AVX2, are left
 * out; of generation 2 there is no other for Linux on x64.
 */
function platformPackage(generation = 1) {
  const os = process.platform === 'win32' ? 'windows' : process.platform
  const musl = os === 'linux' && !process.report?.getReport().header.glibcVersionRuntime ? '-musl' : ''
  if (generation === 1) return `opencode-${os}-${process.arch}${musl}`
  const baseline = os === 'linux' && process.arch === 'x64' ? '-baseline' : ''
  return `@opencode/cli-${os}-${process.arch}${baseline}${musl}`
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
  const name = platformPackage(generationOf(version))
  const executable = process.platform === 'win32' ? 'opencode.exe' : 'opencode'
  return fromNpm(`${name}@${version}`, join(name, 'bin', executable))
}

module.exports = { NEWEST, opencodeBinary, platformPackage }
