// The option `config`, at any size that a system passes on: above the project's own configuration, and seen from there.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OpenCode } from '../../index.js'
import testing from '../../testing/index.js'
import { invalid, refusal, request } from '../support/requests.mjs'

const { NEWEST, opencodeBinary, scriptedModel, text } = testing
const LONGEST = 128 * 1024 - 'OPENCODE_CONFIG_CONTENT'.length - 2
const padded = (config, size) => {
  const padding = (prompt) => ({
    ...config,
    agent: { ...config.agent, padding: { mode: 'subagent', description: 'x', prompt } },
  })
  return padding('p'.repeat(size - JSON.stringify(padding('')).length))
}

describe('the size of `config`', () => {
  it('is bounded by what a system passes on, with what it inherits', () => {
    const made = (size, env) => [{ config: padded({}, size), mode: 'cli' }, { env }]
    expect(JSON.stringify(request(...made(LONGEST)).launch.config)).toHaveLength(LONGEST)
    expect(refusal(...made(LONGEST + 1))).toMatchObject(
      invalid(/^Option `config` is 131048 bytes as JSON/, 'OPENCODE_CONFIG'),
    )
    const inherited = { OPENCODE_CONFIG_CONTENT: '{"theme":"dark"}' }
    expect(refusal(...made(LONGEST, inherited))).toMatchObject(invalid(/^Option `config` is/))
  })
})

/** Release → what it makes of a file that `config` names: 1.1.31 leaves the words as they are, at any size. */
const RELEASES = { [NEWEST]: 'FROM THE FILE', '1.1.31': '{file:./words.txt}' }

describe.each(Object.entries(RELEASES))('on OpenCode %s', (version, file) => {
  let model
  let directory
  beforeAll(async () => {
    model = await scriptedModel()
    directory = mkdtempSync(join(tmpdir(), 'config-'))
    writeFileSync(
      join(directory, 'opencode.json'),
      JSON.stringify({ agent: { judge: { prompt: 'OF THE PROJECT' } } }),
    )
    writeFileSync(join(directory, 'words.txt'), 'FROM THE FILE')
  })
  afterAll(async () => {
    await model.close()
    rmSync(directory, { recursive: true, force: true })
  })

  it.each([
    ['small', undefined],
    ['as large as it may be', LONGEST],
  ])('a `config` that is %s outranks the project, and its paths are seen from there', async (_, size) => {
    // Over what the model needs, which comes by the environment.
    const { OPENCODE_CONFIG_CONTENT: inherited, ...env } = model.env
    const judge = { mode: 'primary', description: 'x', prompt: 'OF THE CALLER, {file:./words.txt}' }
    const config = { ...JSON.parse(inherited), agent: { judge } }
    const cliPath = await opencodeBinary(version)
    const client = new OpenCode({ mode: 'server', autostart: true, cliPath, env, directory, agent: 'judge' })
    try {
      model.reply(text('ok'))
      await client.generate('Hello', { config: size ? padded(config, size) : config })
      const system = JSON.stringify(model.requests.at(-1).messages)
      expect(system).toContain(`OF THE CALLER, ${file}`)
      expect(system).not.toContain('OF THE PROJECT')
    } finally {
      await client.close()
    }
  })
})
