'use strict'

const path = require('node:path')
const { cargoDeny } = require('./cargo-deny.js')
const { ROOT, announce, run } = require('./steps.js')

/** Crates that stand beside the addon, each a workspace of its own. They share a folder for what they build. */
const BESIDE = ['bench/instructions', 'bench/replay-server', 'fuzz', 'supervisor']

/** What is asked of the Rust sources without running them. */
function rustChecks() {
  announce('Rust format')
  run('cargo', 'fmt', '--check')
  for (const crate of BESIDE) run('cargo', 'fmt', '--check', '--manifest-path', `${crate}/Cargo.toml`)

  announce('Rust lints')
  run('cargo', 'clippy', '--all-targets', '--', '-D', 'warnings')
  run('cargo', 'clippy', '--features', 'guard', '--', '-D', 'warnings')
  for (const crate of BESIDE) lint(crate)

  announce('Rust documentation')
  const strict = ['--config', 'build.rustdocflags=["-D", "warnings"]']
  run('cargo', ...strict, 'doc', '--quiet', '--no-deps', '--document-private-items')

  announce('Licences and sources of the crates')
  cargoDeny()
}

function lint(crate) {
  const manifest = `${crate}/Cargo.toml`
  // libFuzzer takes long to compile, and nothing is linked here: any file that exists will do for it.
  process.env.CUSTOM_LIBFUZZER_PATH ??= path.join(ROOT, manifest)
  const where = ['--manifest-path', manifest, '--target-dir', 'target/beside']
  run('cargo', 'clippy', '--quiet', ...where, '--', '-D', 'warnings')
}

module.exports = { rustChecks }
