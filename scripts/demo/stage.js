'use strict'

// The two places the demo plays at: each opens with a server to prompt, and clears up after itself.

const { randomBytes } = require('node:crypto')
const { existsSync } = require('node:fs')
const path = require('node:path')
const { health } = require('../../index.js')
const { NEWEST, opencodeBinary, scriptedModel, startOpenCode } = require('../../testing/index.js')
const { announce } = require('./screen.js')
const { PROMPT, scriptTurn } = require('./scripted-turn.js')

/** The release of each generation that the demo runs. */
const RELEASES = { 1: NEWEST, 2: '2.0.15' }

function stageFor({ live, prompt, generation }) {
  return live ? liveStage(prompt) : scriptedStage(generation)
}

function scriptedStage(generation) {
  const version = RELEASES[generation]
  const opened = []
  return {
    async open() {
      announce(`OpenCode ${version} with a scripted model (the first time fetched from npm)`)
      const model = await scriptedModel()
      opened.push(() => model.close())
      scriptTurn(model, generation)
      const server = await start({ model, version })
      opened.push(() => server.stop())
      return { prompt: PROMPT, options: optionsFor(server) }
    },
    close: () => closeAll(opened),
  }
}

function liveStage(prompt) {
  const opened = []
  return {
    async open() {
      const url = await runningServer()
      if (url) {
        announce(`Your OpenCode at ${url}`)
        return { prompt, options: {} }
      }
      const executable = onPath('opencode') ?? (await opencodeBinary())
      announce(`Your OpenCode: none is running, so starting ${executable}`)
      const server = await start({ executable, directory: process.cwd() })
      opened.push(() => server.stop())
      return { prompt, options: optionsFor(server) }
    },
    close: () => closeAll(opened),
  }
}

/** Where `auto` mode would find a server. One that was named is used, and if it fails, its error shown. */
async function runningServer() {
  const named = process.env.OPENCODE_SERVER_URL
  if (named) return 'OPENCODE_SERVER_URL'
  return health().then(
    ({ url }) => url,
    () => undefined,
  )
}

function start(options) {
  return startOpenCode({ ...options, password: randomBytes(18).toString('base64url') })
}

const optionsFor = ({ url, password, directory }) => ({
  baseUrl: url,
  username: 'opencode',
  password,
  directory,
})

async function closeAll(opened) {
  while (opened.length > 0) await opened.pop()()
}

function onPath(name) {
  const names = process.platform === 'win32' ? [`${name}.exe`] : [name]
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean)
  return folders
    .flatMap((folder) => names.map((each) => path.join(folder, each)))
    .find((file) => existsSync(file))
}

module.exports = { stageFor }
