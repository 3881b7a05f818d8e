// Over ACP OpenCode does not tell what a subagent asks, and waits for the answer for ever: it is looked for, and answered.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generate } from '../../index.js'
import testing from '../../testing/index.js'

const { opencodeBinary, scriptedModel, text, toolCall } = testing

describe.each(['1.18.33', '1.1.31'])('a subagent of OpenCode %s', (version) => {
  let model
  let directory
  beforeAll(async () => {
    model = await scriptedModel()
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'subagents-')))
  })
  afterAll(async () => {
    await model?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  it.each([
    ['allow', 'once'],
    ['reject', 'reject'],
  ])('that asks is answered by the policy: %s', async (permission, reply) => {
    model.reply(toolCall('task', { description: 'sub', prompt: 'do it', subagent_type: 'general' }))
    model.reply(toolCall('bash', { command: 'echo hi', description: 'say' }))
    model.reply(text('One more. '))
    model.reply(text('The end.'))
    const result = await generate('delegate', {
      mode: 'cli',
      cliProtocol: 'acp',
      cliPath: await opencodeBinary(version),
      env: model.env,
      config: { permission: { bash: 'ask' } },
      directory,
      permission,
    })
    expect(result.asks).toMatchObject([
      { type: 'permission', permission: 'bash', reply, parentSessionID: result.sessionID },
    ])
    expect(result.asks[0].sessionID).not.toBe(result.sessionID)
    expect(result.text).not.toContain('echo')
    model.reset()
  })
})
