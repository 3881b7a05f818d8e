'use strict'

const { OpenCodeError } = require('../lib/opencode-error.js')

/** The major version of `ai` that these models are made for, as in `peerDependencies`. */
const MAJOR = '7'

/** Refuses another major of `ai`: its own message would speak of specification versions, and not say what to install. */
function requireAiVersion(version = installedVersion()) {
  if (version === undefined || version.split('.')[0] === MAJOR) return
  throw new OpenCodeError(`opencode-stream/ai-sdk works with \`ai\` ${MAJOR}, and ${version} is installed`, {
    code: 'ERR_OPENCODE_UNSUPPORTED_VERSION',
    hint: `Run \`npm install ai@${MAJOR}\`. It needs Node 22 or newer; this is ${process.version}.`,
    accepted: false,
  })
}

/** Undefined if it cannot be found, as beside a linked package: then `ai` itself judges. */
function installedVersion() {
  try {
    return require(require.resolve('ai/package.json', { paths: [__dirname, process.cwd()] })).version
  } catch {
    return undefined
  }
}

module.exports = { requireAiVersion }
