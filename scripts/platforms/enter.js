'use strict'

// How a program is started inside the folder of another platform: in namespaces of its own, so that neither the mounts
// nor the emulator are seen outside.

const { closeSync, mkdirSync, openSync, readFileSync, rmSync } = require('node:fs')
const { join } = require('node:path')
const { spawn, spawnSync } = require('node:child_process')
const { Skip } = require('./cache.js')

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin'
const MOUNTS = 'mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
/** An arm64 program by its first bytes; `O`: opened by the kernel, for one that is only in memory. */
const BINFMT = String.raw`mount -t binfmt_misc binfmt "$0/binfmt" && printf '%s' ':qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$EMULATOR"':FPO' > "$0/binfmt/register"`

/** Starts a program in a root. Its output goes to the file `output`, or nowhere: Wine's Node cannot write to a pipe. */
function enter(place, words, env, output) {
  const [command, ...args] = entering(place, words)
  const file = output && openSync(output, 'a')
  try {
    return spawn(command, args, {
      stdio: ['ignore', file ?? 'ignore', file ?? 'ignore'],
      env: { PATH, ...place.env, EMULATOR: place.emulator ?? '', ...env },
    })
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function entering({ root, emulator }, words) {
  if (root === '/') return words
  const script = emulator ? `${BINFMT} && ${MOUNTS}` : MOUNTS
  // The kernel keeps a register of emulators for each namespace of users.
  const user = emulator || process.getuid() !== 0 ? ['--user', '--map-root-user'] : []
  return ['unshare', ...user, '--mount', 'sh', '-c', script, root, ...words]
}

/** Throws a `Skip` if the Node or the OpenCode of the root cannot be started here. */
function mustStart(place) {
  try {
    printed(place, [...place.node, '--version'])
    // In an emulator that alone takes a minute.
    if (!place.emulator) printed(place, [...(place.runner ?? []), place.executable, '--version'])
  } catch (error) {
    throw new Skip(error.message)
  }
}

/** Returns what a program of the root prints. Throws with its last line if it fails. */
function printed(place, words) {
  const output = join(place.root, 'tmp', `printed-${process.pid}`)
  mkdirSync(join(place.root, 'tmp'), { recursive: true })
  const file = openSync(output, 'w')
  try {
    const [command, ...args] = entering(place, words)
    const { status, error } = spawnSync(command, args, {
      stdio: ['ignore', file, file],
      env: { PATH, ...place.env, EMULATOR: place.emulator ?? '' },
      timeout: 600_000,
      killSignal: 'SIGKILL',
    })
    const said = readFileSync(output, 'utf8').trim()
    if (status === 0) return said
    const why = error?.message ?? `exit code ${status} ${said.split('\n').slice(-5).join(' / ')}`
    throw new Error(`${words.slice(0, 4).join(' ')}: ${why}`)
  } finally {
    closeSync(file)
    rmSync(output, { force: true })
  }
}

module.exports = { enter, mustStart, printed }
