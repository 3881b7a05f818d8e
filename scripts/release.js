'use strict'

// The steps of a release, as .github/workflows runs them, and as `npm run rehearse:release` runs them against a registry
// on loopback:
//
// node scripts/release.js build <target> [flags]   the addon of one target
// node scripts/release.js stage                    a package for each platform, from the addons in artifacts/
// node scripts/release.js publish                  those packages, then the one that names them

const { execFileSync } = require('node:child_process')
const { readdirSync, statSync } = require('node:fs')
const { join } = require('node:path')
const { ROOT, run } = require('./steps.js')

function build(target, ...flags) {
  run(
    'npx',
    'napi',
    'build',
    '--platform',
    '--release',
    '--no-js',
    '--target',
    target,
    ...cross(target),
    ...flags,
  )
}

function cross(target) {
  // With zig as the linker.
  if (target.endsWith('-linux-musl')) return ['--cross-compile']
  // With napi's own toolchain, so that it needs no newer glibc than 2.17.
  if (target.endsWith('-linux-gnu')) return ['--use-napi-cross']
  return []
}

function stage() {
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env
  // Provenance is refused unless the packages name the repository that they come from.
  if (GITHUB_REPOSITORY) {
    const url = `git+${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}.git`
    run('npm', 'pkg', 'set', 'repository.type=git', `repository.url=${url}`)
  }
  run('npx', 'napi', 'create-npm-dirs')
  run('npx', 'napi', 'artifacts')
  for (const file of readdirSync(join(ROOT, 'npm'), { recursive: true }))
    console.log(`npm/${file}`, statSync(join(ROOT, 'npm', file)).size)
}

function publish() {
  // Only until npm trusts the workflow itself ("trusted publishing"), which needs packages that exist.
  if (process.env.NPM_TOKEN) {
    const registry = execFileSync('npm', ['config', 'get', 'registry'], {
      cwd: ROOT,
      encoding: 'utf8',
    }).trim()
    const name = `${registry.replace(/^https?:/, '')}:_authToken`
    // npm reads the variable itself: the token is neither on a command line nor in a file.
    run('npm', 'config', 'set', name, `\${NPM_TOKEN}`)
  }
  // `prepublishOnly` publishes the platform packages before this one.
  run('npm', 'publish')
}

const [name, ...words] = process.argv.slice(2)
const step = { build, stage, publish }[name]
if (!step || (step === build && words.length === 0)) {
  console.error('Usage: node scripts/release.js build <target> | stage | publish')
  process.exit(2)
}
step(...words)
