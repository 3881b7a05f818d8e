// `npm run pack:local`: one tarball that installs without Rust and without the network.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { packLocal } from '../scripts/pack-local.js'

const folder = mkdtempSync(join(tmpdir(), 'opencode-stream-local-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('installs into an empty folder, with the addon of this platform', { timeout: 120_000 }, () => {
  const tarball = packLocal(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const run = (command, ...words) =>
    execFileSync(command, words, { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' })
  run('npm', 'install', '--offline', '--no-audit', '--no-fund', '--loglevel=error', tarball)
  writeFileSync(
    join(folder, 'try.cjs'),
    `const { generate, OpenCode } = require('opencode-stream')
     const { opencode } = require('opencode-stream/ai-sdk')
     const { scriptedModel } = require('opencode-stream/testing')
     const kinds = [generate, opencode, scriptedModel].map((each) => typeof each)
     generate('Hello', { baseUrl: 'http://127.0.0.1:1' }).catch(({ code }) => console.log(kinds.join(), code))`,
  )
  expect(run('node', 'try.cjs')).toBe('function,function,function ERR_OPENCODE_UNREACHABLE\n')
})
