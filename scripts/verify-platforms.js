'use strict'

// `npm run verify:platforms -- linux-x64-musl win32-x64`: builds the addon for other platforms, runs what can be run
// here, and writes what came of it into docs/platforms.md. Without arguments: all of them. `--check` writes nothing, and
// fails where something that could be tried went wrong. What cannot be had here is skipped, with the reason.

const { mkdirSync, readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { CACHE, Skip } = require('./platforms/cache.js')
const { build, check } = require('./platforms/rust.js')
const { muslRoot, wineRoot } = require('./platforms/roots.js')
const { ROUTES, streamed } = require('./platforms/streamed.js')
const { ROOT, announce } = require('./steps.js')
const { table } = require('./platforms/table.js')

const PAGE = join(ROOT, 'docs', 'platforms.md')
const [BEGIN, END] = ['<!-- platforms: begin -->', '<!-- platforms: end -->']

/** The cheap ones first. */
const PLATFORMS = {
  'win32-x64-msvc': () => checked('x86_64-pc-windows-msvc'),
  'win32-arm64-msvc': () => checked('aarch64-pc-windows-msvc'),
  'darwin-x64': () => checked('x86_64-apple-darwin'),
  'darwin-arm64': () => checked('aarch64-apple-darwin'),
  'linux-x64-musl': () =>
    ran('musl 1.2.5 of Debian 13, chroot', muslRoot, 'linux-x64-musl', 'x86_64-unknown-linux-musl', {
      RUSTFLAGS: '-C target-feature=-crt-static',
    }),
  'win32-x64': () =>
    ran('Wine of Debian 13', wineRoot, 'win32-x64-msvc', 'x86_64-pc-windows-gnullvm', {
      LIBNODE_PATH: emptyLibnode(),
    }),
  'linux-arm64-gnu': () => linked('aarch64-unknown-linux-gnu'),
  'linux-arm64-musl': () =>
    linked('aarch64-unknown-linux-musl', { RUSTFLAGS: '-C target-feature=-crt-static' }),
}

async function main(words) {
  const isCheck = words.includes('--check')
  const names = words.filter((word) => !word.startsWith('--'))
  const wrong = names.find((name) => !(name in PLATFORMS))
  if (wrong) {
    console.error(`FAILED: '${wrong}' is none of ${Object.keys(PLATFORMS).join(', ')}`)
    process.exit(2)
  }
  const rows = new Map()
  for (const name of names.length > 0 ? names : Object.keys(PLATFORMS)) {
    announce(name)
    const row = await tried(PLATFORMS[name])
    rows.set(name, row)
    console.log(JSON.stringify(row))
    if (!isCheck) write(rows)
  }
  process.exitCode = [...rows.values()].some(failed) ? 1 : 0
}

async function tried(platform) {
  try {
    return await platform()
  } catch (error) {
    if (!(error instanceof Skip)) throw error
    return { skipped: error.message }
  }
}

const failed = ({ skipped, ...row }) =>
  !skipped && ['built', 'loaded', 'ends', ...ROUTES].some((what) => what in row && row[what] !== true)

const result = (file) => (file ? true : 'does not build')

/** `cargo check`, warnings denied: nothing is linked. */
function checked(target) {
  return { target, checked: check(target) === 0 ? true : 'does not compile', ...today() }
}

function linked(target, env) {
  return { target, built: result(build(target, env)), ...today() }
}

async function ran(emulator, makeRoot, addonName, target, env) {
  const addon = build(target, env)
  if (!addon) return { target, built: 'does not build', ...today() }
  let root
  try {
    root = makeRoot()
  } catch (error) {
    if (!(error instanceof Skip)) throw error
    return { target, built: true, notRun: error.message, ...today() }
  }
  const { said, ...came } = await streamed(root, addon, addonName)
  for (const line of said) console.log(JSON.stringify(line))
  return { target, built: true, ...came, opencode: root.opencode, emulator, ...today() }
}

const today = () => ({ date: new Date().toISOString().slice(0, 10) })

/** napi's build script wants to see a libnode on this target; nothing is taken from it. */
function emptyLibnode() {
  const folder = join(CACHE, 'libnode')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'libnode.dll'), '')
  writeFileSync(join(folder, 'libnode.a'), '!<arch>\n')
  return folder
}

/** The page's rows of other platforms stay as they are. */
function write(rows) {
  const page = readFileSync(PAGE, 'utf8')
  const [begin, end] = [page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)]
  if (begin < BEGIN.length || end < begin) throw new Error(`${PAGE} has no place for the table`)
  const all = table(page.slice(begin, end), rows)
  writeFileSync(PAGE, `${page.slice(0, begin)}\n\n${all}\n\n${page.slice(end)}`)
}

module.exports = { verifyPlatforms: main }

if (require.main === module) main(process.argv.slice(2))
