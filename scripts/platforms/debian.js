'use strict'

// Debian's packages, unpacked into folders of ours: nothing is installed on this machine.

const { existsSync, mkdirSync, readdirSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { Skip, CACHE, prepare } = require('./cache.js')

/** Where this machine's own Debian comes from. */
function mirror() {
  const lines = prepare('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'])
  const found = lines.split('\n').find((line) => /\/debian\/?$/.test(line))
  if (!found) throw new Skip('this machine has no Debian packages')
  return found
}

/** Packages of this machine's own release. */
function unpackOwn(packages, folder) {
  unpack([], packages, folder)
}

/** Packages of another release, or for another machine, by an apt with files of its own. */
function unpackFrom(suite, architecture, packages, folder) {
  const own = join(CACHE, `apt-${suite}-${architecture}`)
  const list = join(own, 'sources.list')
  mkdirSync(join(own, 'lists', 'partial'), { recursive: true })
  writeFileSync(list, `deb [arch=${architecture}] ${mirror()} ${suite} main\n`)
  writeFileSync(join(own, 'status'), '')
  const settings = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'Dir::Etc::sourcelist': list,
    'Dir::Etc::sourceparts': '-',
    'Dir::State': own,
    'Dir::State::lists': join(own, 'lists'),
    'Dir::State::status': join(own, 'status'),
    'Dir::Cache': own,
    'Dir::Etc::trustedparts': '/usr/share/keyrings/',
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  if (!readdirSync(join(own, 'lists')).some((name) => name.includes('Packages')))
    prepare('apt-get', [...flags, 'update'])
  unpack(flags, packages, folder)
}

function unpack(flags, packages, folder) {
  const place = `${folder}.debs`
  mkdirSync(place, { recursive: true })
  mkdirSync(folder, { recursive: true })
  prepare('apt-get', [...flags, 'download', ...packages], { cwd: place })
  for (const name of readdirSync(place)) prepare('dpkg', ['-x', join(place, name), folder])
  prepare('rm', ['-r', place])
}

/** A small Debian in a folder. Needs root. */
function debootstrap(suite, packages, folder) {
  if (process.getuid() !== 0) throw new Skip('a root folder can only be made by root')
  const tools = join(CACHE, 'debootstrap')
  if (!existsSync(tools)) unpackOwn(['debootstrap'], tools)
  const words = ['--variant=minbase', `--include=${packages.join(',')}`, suite, folder, mirror()]
  prepare(join(tools, 'usr/sbin/debootstrap'), words, {
    env: { ...process.env, DEBOOTSTRAP_DIR: join(tools, 'usr/share/debootstrap') },
  })
}

module.exports = { unpackOwn, unpackFrom, debootstrap }
