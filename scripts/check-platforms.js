'use strict'

// What can be checked on this machine of other platforms. Apart from `npm run check`: it takes minutes and fetches much.

const { prepare } = require('./build.js')
const { guardEndings } = require('./guard-endings.js')
const { run } = require('./steps.js')

/** The quick ones; `npm run verify:platforms` has them all. */
const QUICK = ['win32-x64-msvc', 'darwin-arm64', 'linux-x64-musl']

prepare()
run('npm', 'run', '--silent', 'verify:platforms', '--', '--check', ...QUICK)
guardEndings()
