'use strict'

// `npm run docs:media` makes the pictures of docs/media from real runs: the command in a terminal, and the chat page in
// a Chromium. Both with the real OpenCode on a scripted model.

const { mkdirSync, writeFileSync } = require('node:fs')
const path = require('node:path')
const { openCode } = require('../testing/index.js')
const { chatScreenshot } = require('./media/chat-screenshot.js')
const { projectToAskAbout } = require('./media/project.js')
const { terminalSvg } = require('./media/terminal-svg.js')
const { recordTerminal } = require('./media/record-terminal.js')
const { ROOT } = require('./steps.js')

const PLACE = path.join(ROOT, 'docs', 'media')

async function main() {
  mkdirSync(PLACE, { recursive: true })
  await withOpenCode(async (opencode) => {
    const recording = await recordTerminal(opencode)
    writeFileSync(path.join(PLACE, 'terminal.svg'), await terminalSvg(recording))
  })
  await withOpenCode(async (opencode) => {
    writeFileSync(path.join(PLACE, 'chat.png'), await chatScreenshot(opencode))
  })
}

async function withOpenCode(make) {
  const opencode = await openCode({
    model: { cost: { input: 3, output: 15 } },
    config: { permission: { bash: 'ask' } },
  })
  try {
    projectToAskAbout(opencode.directory)
    // The first turn of an OpenCode is slow, and no picture of anything.
    await warmUp(opencode)
    await make(opencode)
  } finally {
    await opencode.close()
  }
}

async function warmUp({ model, options }) {
  const { generate } = require('../index.js')
  const { text } = require('../testing/index.js')
  model.reply(text('Here.'))
  await generate('Are you there?', options)
}

main()
