// The kit in a project that knows it from npm only, under each pool of vitest.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installedProject } from '../support/installed.mjs'

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8')

// Whole runs of vitest, each with OpenCodes to start.
describe('in a project that installed the package', { timeout: 180_000 }, () => {
  let project
  beforeAll(() => {
    project = installedProject({
      'example.test.js': read('../../examples/vitest/opencode.test.js'),
      'faulty.test.js': read('suites/faulty.js'),
    })
  })
  afterAll(() => project?.remove())

  const vitest = (file, pool) => project.vitest(file, `--pool=${pool}`, '--testTimeout=30000')

  it.each(['threads', 'forks'])(
    'the example passes under the pool `%s`, and leaves nothing',
    async (pool) => {
      const { code, passed, failed, left } = await vitest('example', pool)
      expect({ failed, left, code }).toEqual({ failed: {}, left: [], code: 0 })
      expect(passed).toHaveLength(4)
    },
  )

  it('a test that its script does not fit is the one that fails', async () => {
    const { code, passed, failed, left } = await vitest('faulty', 'threads')
    expect(failed).toEqual({
      'gives a reply too many': expect.stringContaining("not used: text('not used')"),
      'gives a reply too few': expect.stringContaining("not scripted: the request 'What now?'"),
      'fails with a turn under way': expect.stringContaining('its own error after Begun'),
      'is the second of two': expect.stringContaining('Two tests of this file want the one scripted model'),
    })
    expect(passed).toEqual(['is as if the others had not been', 'is the first of two'])
    expect({ left, code }).toEqual({ left: [], code: 1 })
  })
})
