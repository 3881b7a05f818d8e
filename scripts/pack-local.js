'use strict'

// `npm run pack:local`: one tarball with the addon of this platform, to install before there is a release.

const { execFileSync } = require('node:child_process')
const { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join, resolve } = require('node:path')
const { prepare } = require('./build.js')
const { thisPlatform } = require('../lib/addon.js')

const ROOT = join(__dirname, '..')

/** Writes the tarball into `folder`, and returns its path. The addon must have been built. */
function packLocal(folder) {
  mkdirSync(folder, { recursive: true })
  const stage = mkdtempSync(join(tmpdir(), 'opencode-stream-pack-'))
  try {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const addon = `${manifest.napi.binaryName}.${thisPlatform()}.node`
    for (const name of [...manifest.files, addon, 'README.md', 'LICENSE']) {
      cpSync(join(ROOT, name), join(stage, name), { recursive: true })
    }
    writeFileSync(join(stage, 'package.json'), JSON.stringify(localManifest(manifest, addon), null, 2))
    const [{ filename }] = JSON.parse(
      npm(['pack', '--ignore-scripts', '--json', '--pack-destination', folder], stage),
    )
    return join(folder, filename)
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

/** Of this platform alone: npm refuses to install it on another one. */
function localManifest({ scripts: _, devDependencies: __, ...manifest }, addon) {
  const libc = { gnu: ['glibc'], musl: ['musl'] }[thisPlatform().split('-')[2]]
  const only = { os: [process.platform], cpu: [process.arch], ...(libc && { libc }) }
  return { ...manifest, files: [...manifest.files, addon], ...only }
}

function npm(words, cwd) {
  // npm on Windows is a script that only a shell starts.
  const shell = process.platform === 'win32'
  const quoted = shell ? words.map((word) => `"${word}"`) : words
  return execFileSync('npm', quoted, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], shell })
}

module.exports = { packLocal }

if (require.main === module) {
  prepare()
  const made = packLocal(resolve(process.argv[2] ?? '.'))
  console.log(`\nIn a project on ${thisPlatform()}: npm install ${made}`)
}
