'use strict'

const { OpenCodeError } = require('./opencode-error.js')

/** The platforms that a package is published for; docs/platforms.md says more of each. */
const PREBUILT = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-x64-msvc',
]

/** The native addon. `load` is passed only by tests of this file: what it throws cannot be had here. */
function loadAddon(load = () => require('../binding.js'), platform) {
  try {
    return load()
  } catch (error) {
    // Looked up only now: what tells glibc from musl takes milliseconds.
    throw new OpenCodeError(...explained(error, platform ?? thisPlatform()))
  }
}

function explained(error, platform) {
  const forbidden = failureOf(error, (each) => /loading addons is disabled/.test(each.message))
  if (forbidden)
    return [
      'Node forbids native addons here, and opencode-stream has one',
      details(allowingHint(), forbidden),
    ]
  const refused = failureOf(error, ({ code }) => code === 'ERR_DLOPEN_FAILED')
  const found = refused ?? error
  if (refused) return [refusedBy(refused, platform), details(loadingHint(platform), found)]
  if (PREBUILT.includes(platform)) {
    const what = `The native addon of opencode-stream for ${platform} is not installed`
    return [what, details(installingHint(`opencode-stream-${platform}`), found)]
  }
  return [`opencode-stream has no prebuilt addon for ${platform}`, details(buildingHint(), found)]
}

function details(hint, cause) {
  return { code: 'ERR_OPENCODE_ADDON', hint, cause, accepted: false }
}

function refusedBy({ message }, platform) {
  return `The native addon of opencode-stream cannot be loaded on ${platform}: ${message.split('\n', 1)[0]}`
}

function loadingHint(platform) {
  const old = platform.endsWith('-gnu')
    ? 'If it speaks of GLIBC, the system is older than the addon can use. '
    : ''
  return `${old}Otherwise the file may be damaged: remove node_modules and install again.`
}

function allowingHint() {
  return process.permission
    ? "This process runs under Node's permission model: pass `--allow-addons`."
    : 'This process runs with `--no-addons` (on its command line or in NODE_OPTIONS): start it without.'
}

function installingHint(name) {
  return (
    `npm installs it as the optional dependency \`${name}\`. Install without \`--omit=optional\`, and on the ` +
    'system that it will run on; where a lock file of another system leaves it out, remove that and ' +
    'node_modules and install again. Before there is a release, `npm run pack:local` in a clone makes a package that has it.'
  )
}

function buildingHint() {
  return (
    `There is one for ${PREBUILT.join(', ')}. Elsewhere it can be built with Rust: \`npm run build\` in a clone of ` +
    'the repository, then `npm install` with the path of the clone.'
  )
}

/** The generated loader tries several places and chains what each said: the system's own refusal tells most. */
function failureOf(error, isMeant) {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (isMeant(each)) return each
  }
}

/** As napi names it. */
function thisPlatform({ platform, arch, report } = process) {
  const abi = { win32: '-msvc', linux: isMusl(report) ? '-musl' : '-gnu' }[platform] ?? ''
  return `${platform}-${arch}${abi}`
}

function isMusl(report) {
  if (!report) return false
  // Without this the report looks up the names of all open connections.
  report.excludeNetwork = true
  return !report.getReport().header?.glibcVersionRuntime
}

module.exports = { PREBUILT, loadAddon, thisPlatform }
