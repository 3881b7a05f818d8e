'use strict'

// How we end what we start on systems other than Linux and Windows, tried on Linux: the addon is built with its feature
// `guard`, and the whole suite of endings runs on it. Only in a namespace of processes: a guard that kills too much
// would kill strangers.

const { copyFileSync } = require('node:fs')
const { join } = require('node:path')
const { spawnSync } = require('node:child_process')
const { ROOT, announce, run } = require('./steps.js')

const APART = ['--pid', '--fork', '--mount-proc']

/** Returns why it was skipped, if it was. */
function guardEndings() {
  announce('Endings with a guard, as on macOS')
  const why = skipped()
  if (why) {
    console.log(why)
    return why
  }
  // The profile of `cargo test`: what that has built is not built again.
  run('cargo', 'build', '--features', 'guard')
  const addon = join(ROOT, 'target', 'guard.node')
  copyFileSync(join(ROOT, 'target', 'debug', 'libopencode_stream.so'), addon)
  process.env.OPENCODE_STREAM_TEST_ADDON = addon
  run(
    'unshare',
    ...APART,
    'npx',
    'vitest',
    'run',
    '--maxConcurrency=2',
    '--testTimeout=180000',
    '__test__/private/endings.test.js',
  )
}

function skipped() {
  if (process.platform !== 'linux') return 'SKIPPED: it is for Linux'
  if (spawnSync('unshare', [...APART, 'true'], { stdio: 'ignore' }).status === 0) return
  return 'SKIPPED: a namespace of processes cannot be had here (`unshare` needs root)'
}

module.exports = { guardEndings }

if (require.main === module) guardEndings()
