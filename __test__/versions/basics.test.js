// What every release must do, or say that it cannot: run on the releases that
// OPENCODE_STREAM_CONTRACT_VERSIONS names, separated by commas. `npm run verify:versions` sets it.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { generate, generateStream, health } from '../../index.js'
import testing from '../../testing/index.js'
import { differences } from '../contract/differences.mjs'
import { realOpenCode } from '../support/real-opencode.mjs'
import { atLeast } from '../support/releases.mjs'

const { fail, lockstep, reasoning, scriptedModel, startOpenCode, text } = testing

// The oldest release whose prompt can be streamed, the one whose /event is mute, and the newest of each generation.
const CI = '1.0.142,1.14.48,1.18.33,2.0.15'
const versions = (process.env.OPENCODE_STREAM_CONTRACT_VERSIONS || CI).split(',').filter(Boolean)

describe.each(versions)('OpenCode %s', (version) => {
  const real = realOpenCode({ version, config: { permission: { bash: 'ask' } } })
  const { reads, shell, shellTool } = differences('server', version)

  it('streams token by token', async () => {
    const gate = lockstep()
    const tokens = Array.from({ length: 10 }, (_, n) => `größe${n} `).concat('end')
    real.model.reply(text(tokens, { gate }))
    const stream = generateStream('lockstep', real.options())
    let answer = ''
    let seen = 0
    for await (const chunk of stream) {
      answer += chunk
      while (seen < tokens.length && answer.includes(tokens[seen])) {
        seen += 1
        gate.seen()
      }
    }
    expect(answer).toBe(tokens.join(''))
    const result = await stream.result
    expect(result).toMatchObject({ text: answer, finishReason: 'stop' })
    expect(result.version).toBe(atLeast(version, '1.0.193') ? version : undefined)
  })

  it('tells reasoning from text', async () => {
    real.model.reply(reasoning(['let ', 'me ', 'think']), text(['the ', 'answer']))
    const stream = generateStream('reason', real.options())
    const told = { 'text-delta': '', 'reasoning-delta': '' }
    for await (const event of stream.events) if (event.type in told) told[event.type] += event.delta
    expect(told).toEqual({ 'text-delta': 'the answer', 'reasoning-delta': 'let me think' })
  })

  it('runs a tool and goes on', async () => {
    const filePath = join(real.server.directory, 'note.txt')
    await writeFile(filePath, 'a word in a file')
    real.model.reply(text('Looking.'), reads(filePath))
    real.model.reply(text('Found.'))
    const stream = generateStream('use a tool', real.options())
    const tools = []
    for await (const event of stream.events) if (event.type === 'tool') tools.push(event)
    expect(tools.at(-1)).toMatchObject({
      tool: 'read',
      status: 'completed',
      output: expect.stringContaining('a word in a file'),
    })
    expect((await stream.result).text).toBe('Looking.\n\nFound.')
  })

  it('rejects what the agent asks for', async () => {
    real.model.reply(shell('echo permitted'))
    const result = await generate('ask me', real.options({ permission: 'reject' }))
    expect(result.finishReason).toBe('rejected')
    expect(result.asks).toMatchObject([{ type: 'permission', permission: shellTool, reply: 'reject' }])
  })

  it('allows what the agent asks for', async () => {
    real.model.reply(shell('echo permitted'))
    real.model.reply(text('It was permitted.'))
    const result = await generate('ask me', real.options({ permission: 'allow' }))
    expect(result).toMatchObject({ text: 'It was permitted.', finishReason: 'stop' })
  })

  it('stops the work when the reader leaves, and the session can go on', async () => {
    real.model.reply(text(['one ', 'two ', 'three'], { gate: lockstep() }))
    const stream = generateStream('leave', real.options())
    for await (const chunk of stream) if (chunk) break
    const { finishReason, sessionID } = await stream.result
    expect(finishReason).toBe('abort')
    expect(await real.busy(sessionID)).toBe(false)
    real.model.reply(text('still here'))
    expect((await generate('again', real.options({ sessionID }))).text).toBe('still here')
  })

  it("tells the provider's failure", async () => {
    real.model.reply(fail(401, { message: 'bad key' }))
    await expect(generate('fail', real.options())).rejects.toMatchObject({
      code: 'ERR_OPENCODE_PROVIDER',
      status: 401,
      accepted: true,
    })
  })

  it('looks models and agents up before it prompts', async () => {
    const before = real.model.requests.length
    await expect(generate('hi', real.options({ model: 'scripted/nope' }))).rejects.toMatchObject({
      code: 'ERR_OPENCODE_MODEL_NOT_FOUND',
      accepted: false,
    })
    await expect(generate('hi', real.options({ agent: 'nope' }))).rejects.toMatchObject({
      code: 'ERR_OPENCODE_AGENT_NOT_FOUND',
      accepted: false,
    })
    expect(real.model.requests.length).toBe(before)
  })

  it.runIf(atLeast(version, '1.1.16'))('refuses us without its password', async () => {
    const model = await scriptedModel()
    const server = await startOpenCode({ version, model, password: 'hunter2-secret' })
    try {
      const options = { baseUrl: server.url, directory: server.directory }
      await expect(health(options)).rejects.toMatchObject({ code: 'ERR_OPENCODE_UNAUTHORIZED' })
      expect(await health({ ...options, password: 'hunter2-secret' })).toMatchObject({ healthy: true })
    } finally {
      await server.stop()
      await model.close()
    }
  })
})
