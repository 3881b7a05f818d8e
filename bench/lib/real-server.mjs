// The real OpenCode, on a model that answers each prompt with the same 500 tokens.

import { createRequire } from 'node:module'

const { openCode, text } = createRequire(import.meta.url)('../../testing/index.js')
const TOKENS = Array.from({ length: 500 }, (_, n) => `tok${String(n).padStart(4, '0')} `)

export async function realServer() {
  const kit = await openCode({ version: '1.18.33' })
  return {
    url: kit.options.baseUrl,
    directory: kit.directory,
    ready: () => kit.model.reply(text(TOKENS)),
    stop: () => kit.close(),
  }
}
