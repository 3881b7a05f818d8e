'use strict'

const { openCode } = require('./opencode-kit.js')

/**
 * Fixtures for vitest's `test.extend`. Nothing of vitest is needed here: it reads the parameters of each function to
 * see which fixtures that one uses, and keeps a fixture alive until what was passed to `use` is no longer needed.
 */
function withOpenCode(options) {
  let isTaken = false
  return {
    opencodeOfFile: [
      // biome-ignore lint/correctness/noEmptyPattern: vitest insists on a pattern
      async ({}, use) => {
        const opencode = await openCode(options)
        await use(opencode)
        await opencode.close()
      },
      { scope: 'file' },
    ],
    opencode: async ({ opencodeOfFile }, use) => {
      if (isTaken) throw new Error(CONCURRENT)
      isTaken = true
      await use(opencodeOfFile)
      await opencodeOfFile.endTest().finally(() => {
        isTaken = false
      })
    },
  }
}

const CONCURRENT =
  'Two tests of this file want the one scripted model at once. Let them run in turn, or give each its own OpenCode by openCode().'

module.exports = { withOpenCode }
