'use strict'

// A registry of npm packages on loopback, which knows no other one: what is not published to it is not to be had.

const { writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { randomUUID } = require('node:crypto')
const { spawn } = require('node:child_process')
const { createServer } = require('node:net')
const { setTimeout: sleep } = require('node:timers/promises')
const { made, prepare } = require('../platforms/cache.js')

/** The registry, and the clients other than npm. */
const TOOLS = { verdaccio: '6.2.1', pnpm: '12.21.0', yarn: '1.22.22', '@yarnpkg/cli-dist': '4.18.1' }

/** Returns the folder of packages that holds all of `TOOLS`. */
function tools() {
  const folder = made(`release-tools-${Object.values(TOOLS).join('-')}`, (fresh) => {
    // verdaccio asks for a tag of node-fetch that not every mirror has.
    const manifest = { private: true, dependencies: TOOLS, overrides: { 'node-fetch': '2.6.7' } }
    writeFileSync(join(fresh, 'package.json'), JSON.stringify(manifest))
    prepare('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: fresh })
  })
  return join(folder, 'node_modules')
}

/** Starts it with nothing in it. Resolves with { url, token, stop }; the token is a new user's. */
async function registry(folder) {
  const port = await freePort()
  const config = join(folder, 'verdaccio.yaml')
  writeFileSync(config, settings(folder))
  const words = [
    join(tools(), 'verdaccio/bin/verdaccio'),
    '--config',
    config,
    '--listen',
    `127.0.0.1:${port}`,
  ]
  const server = spawn(process.execPath, words, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  const stop = () => server.kill('SIGKILL')
  const url = `http://127.0.0.1:${port}/`
  try {
    await answers(url, server)
    return { url, token: await newUser(url), stop }
  } catch (error) {
    stop()
    throw error
  }
}

const settings = (folder) => `storage: ${join(folder, 'storage')}
auth: { htpasswd: { file: ${join(folder, 'htpasswd')} } }
packages: { '**': { access: $all, publish: $authenticated } }
max_body_size: 100mb
log: { type: file, path: ${join(folder, 'verdaccio.log')}, level: info }
`

async function answers(url, server) {
  for (let tries = 0; tries < 600; tries++) {
    if (server.exitCode !== null) throw new Error(`verdaccio ended with ${server.exitCode}`)
    const answer = await fetch(`${url}-/ping`).catch(() => null)
    if (answer?.ok) return
    await sleep(100)
  }
  throw new Error('verdaccio did not answer in 60 s')
}

async function newUser(url) {
  const [name, password] = ['rehearsal', randomUUID()]
  const answer = await fetch(`${url}-/user/org.couchdb.user:${name}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, password }),
  })
  const { token } = await answer.json()
  if (!token) throw new Error(`verdaccio made no user: HTTP ${answer.status}`)
  return token
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

module.exports = { registry, tools, TOOLS }
