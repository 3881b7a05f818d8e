// `npm run pack:check`: apart from the other tests, for it fetches four Nodes, Bun and Deno.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['__test__/pack/*.check.js'],
    globalSetup: '__test__/pack/installed.mjs',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 300_000,
    server: { deps: { external: [/\/(?:lib|testing)\/[^/]+\.js$/] } },
  },
})
