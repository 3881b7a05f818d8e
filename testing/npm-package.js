'use strict'

const { spawn } = require('node:child_process')
const { randomUUID } = require('node:crypto')
const { existsSync, rmSync } = require('node:fs')
const { mkdir, rename, rm } = require('node:fs/promises')
const { dirname, join, resolve, sep } = require('node:path')
const { harmless } = require('../lib/harmless.js')
const { atExit } = require('./at-exit.js')

/**
 * A package from npm, or several beside each other (`specs` is one or an array), in a cache of the project: fetched once,
 * without install scripts. Resolves with the path of `file`, seen from the folder of packages.
 */
async function fromNpm(specs, file) {
  const wanted = [specs].flat()
  const folder = join(cacheFolder(), wanted.join('+').replaceAll('/', '+'))
  const path = join(folder, 'node_modules', file)
  if (!existsSync(path)) await download(wanted, folder, path)
  return path
}

function cacheFolder() {
  const own = resolve(__dirname, '..')
  const project = own.includes(`${sep}node_modules${sep}`) ? process.cwd() : own
  return join(project, 'node_modules', '.cache', 'opencode-stream')
}

/** Into a folder of its own first: several test workers may download at once, and a killed one leaves no half. */
async function download(specs, folder, path) {
  const fresh = `${folder}.${randomUUID()}`
  const forget = atExit(() => rmSync(fresh, { recursive: true, force: true }))
  await mkdir(dirname(folder), { recursive: true })
  try {
    await npmInstall(specs, fresh)
    await rename(fresh, folder).catch((error) => {
      if (!existsSync(path)) throw error
    })
  } finally {
    await rm(fresh, { recursive: true, force: true })
    forget()
  }
  if (!existsSync(path)) throw new Error(`npm installed ${specs.join(' ')}, but there is no ${path}.`)
}

function npmInstall(specs, prefix) {
  const names = specs.join(' ')
  const flags = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts']
  const windows = process.platform === 'win32'
  const args = ['install', '--prefix', windows ? `"${prefix}"` : prefix, ...flags, ...specs]
  return new Promise((done, failed) => {
    const npm = spawn('npm', args, { stdio: ['ignore', 'ignore', 'pipe'], shell: windows })
    const forget = atExit(() => npm.kill())
    let stderr = ''
    npm.stderr.on('data', (bytes) => {
      stderr = (stderr + bytes).slice(-4000)
    })
    npm.on('error', (error) =>
      failed(new Error(`npm could not be started to fetch ${names}.`, { cause: error })),
    )
    npm.on('close', (code) => {
      forget()
      if (code === 0) done()
      else
        failed(new Error(`npm install ${names} ended with ${code}: is there a network?\n${harmless(stderr)}`))
    })
  })
}

module.exports = { fromNpm }
