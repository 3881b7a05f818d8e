import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['__test__/**/*.test.js', 'examples/**/*.test.js'],
    pool: 'forks',
    // Tests start real OpenCode processes: more at once would only wait for each other.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // The package's own files run as Node would run them, so that a class is one class everywhere.
    server: {
      deps: {
        external: [
          /\/(?<!__test__\/)(?:lib|bin|ai-sdk|testing|scripts|support)\/[^/]+\.js$/,
          /\/(?:index|binding)\.js$/,
        ],
      },
    },
  },
})
