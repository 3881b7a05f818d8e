// The real OpenCode, on a model that answers each prompt with the same 500 tokens.

import { createRequire } from 'node:module'
import { REAL_TOKENS } from './real-text.mjs'

const { openCode, text } = createRequire(import.meta.url)('../../testing/index.js')
const VERSIONS = { 1: '1.18.33', 2: '2.0.15' }

export async function realServer(generation) {
  const kit = await openCode({ version: VERSIONS[generation] })
  const { baseUrl: url, directory, username, password } = kit.options
  return {
    target: { generation, url, directory, username, password },
    ready: () => kit.model.reply(text(REAL_TOKENS)),
    stop: () => kit.close(),
  }
}
