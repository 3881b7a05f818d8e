// Tools and subagents in a turn, as the reader sees them.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { generate, generateStream } from '../../index.js'
import testing from '../../testing/index.js'
import { differences } from '../contract/differences.mjs'
import { realOpenCode, until } from '../support/real-opencode.mjs'

const { hang, text, toolCall } = testing

describe.each(['1.18.33', '1.1.31', '1.2.27', '2.0.15'])('OpenCode %s', (version) => {
  const real = realOpenCode({ version })
  // One that fails must not leave its replies to the next.
  afterEach(() => real.model.reset())
  const differs = differences('server', version)
  const { delegates, shell, shellTool } = differs
  const eventsOf = async (stream, look = () => {}) => {
    const events = []
    for await (const event of stream.events) {
      events.push(event)
      look(event)
    }
    return events
  }

  const grows = differs.growsOutput ? ', its output growing,' : ''
  it(`a call lives from pending to completed${grows} under one id`, async () => {
    const go = join(real.server.directory, 'go')
    real.model.reply(
      shell('echo one; while [ ! -e go ]; do sleep 0.05; done; echo two; rm go', { id: 'call_one' }),
    )
    real.model.reply(text('done'))
    let grown
    const events = await eventsOf(generateStream('run it', real.options()), (event) => {
      if (event.type !== 'tool' || event.status !== 'running' || grown) return
      grown = event.metadata?.output
      if (grown || !differs.growsOutput) writeFileSync(go, '')
    })
    expect(grown).toBe(differs.growsOutput ? 'one\n' : undefined)
    const calls = events.filter(({ type }) => type === 'tool')
    expect(new Set(calls.map(({ callID, partID }) => `${callID} ${partID}`)).size).toBe(1)
    // An update that was not read is replaced by the next, so `pending` may be missed.
    const life = ['pending', 'running', 'completed']
    const statuses = [...new Set(calls.map(({ status }) => status))]
    expect(statuses).toEqual(life.slice(-statuses.length))
    expect(statuses.length).toBeGreaterThan(1)
    expect(calls.find(({ status }) => status === 'running').input).toMatchObject({
      command: expect.stringContaining('echo one'),
    })
    expect(calls.at(-1)).toMatchObject({
      callID: 'call_one',
      tool: shellTool,
      output: expect.stringMatching(/one\s+two/),
      metadata: { exit: 0 },
    })
    if (differs.titlesCalls) expect(calls.at(-1).title).toMatch(differs.titlesCalls)
    else expect(calls.at(-1)).not.toHaveProperty('title')
  })

  it('a call that fails says why, and the model goes on', async () => {
    real.model.reply(differs.reads(join(real.server.directory, 'nowhere.txt')))
    real.model.reply(text('not there'))
    const events = await eventsOf(generateStream('read it', real.options()))
    const failed = events.findLast(({ type }) => type === 'tool')
    expect(failed).toMatchObject({
      tool: 'read',
      status: 'error',
      error: expect.stringMatching(/nowhere\.txt/),
    })
    expect(events.at(-1).result).toMatchObject({ text: 'not there', finishReason: 'stop' })
  })

  it('several calls of one step are told apart', async () => {
    real.model.reply(
      text('Both. '),
      shell('echo left', { id: 'call_l' }),
      shell('echo right', { id: 'call_r' }),
    )
    real.model.reply(text('done'))
    const events = await eventsOf(generateStream('both', real.options()))
    const outputs = events
      .filter(({ status }) => status === 'completed')
      .map(({ callID, output }) => [callID, output.trim()])
    expect(Object.fromEntries(outputs)).toEqual({ call_l: 'left', call_r: 'right' })
    expect(events.at(-1).result.parts.filter(({ type }) => type === 'tool')).toHaveLength(2)
    expect(events.at(-1).result.text).toBe('Both. \n\ndone')
  })

  const { tool, status, ...said } = differs.unknownTool
  it(`a tool that does not exist is '${tool}', and the turn goes on`, async () => {
    real.model.reply(toolCall('teleport', { to: 'Mars' }))
    real.model.reply(text('I walk'))
    const events = await eventsOf(generateStream('go', real.options()))
    const call = events.findLast(({ type }) => type === 'tool')
    expect(call).toMatchObject({ tool, status })
    for (const [field, words] of Object.entries(said)) expect(call[field]).toMatch(words)
    expect(events.at(-1).result.text).toBe('I walk')
  })

  it('`tools` takes one away for the turn', async () => {
    real.model.reply(text('ok'))
    await generate('no shell', real.options({ tools: { bash: false } }))
    const { tools } = real.model.requests.at(-1)
    expect(tools).not.toContain(shellTool)
    expect(tools).toContain('read')
  })

  describe('a subagent', () => {
    it('is told as events of its own session, and is no part of the answer', async () => {
      real.model.when('child works', shell('echo from-the-child')).times(1)
      real.model.when('child works', text('child said'))
      real.model.reply(delegates('child works'))
      real.model.reply(text('parent said'))
      const events = await eventsOf(generateStream('delegate', real.options()))
      const { result } = events.at(-1)
      const ofChild = events.filter(({ parentSessionID }) => parentSessionID === result.sessionID)
      expect(new Set(ofChild.map(({ sessionID }) => sessionID)).size).toBe(1)
      expect(ofChild.flatMap(({ type, delta }) => (type === 'text-delta' ? [delta] : [])).join('')).toBe(
        'child said',
      )
      expect(ofChild.findLast(({ type }) => type === 'tool')).toMatchObject({
        tool: shellTool,
        status: 'completed',
      })
      expect(ofChild[0]).toMatchObject({ type: 'session' })
      expect(result).toMatchObject({ text: 'parent said', finishReason: 'stop' })
      expect(result.parts.every(({ sessionID }) => sessionID === result.sessionID)).toBe(true)
      expect(result.parts.find(({ type }) => type === 'tool').state.output).toContain('child said')
    })

    it('is stopped with the turn that is left', async () => {
      real.model.when('child hangs', hang())
      real.model.reply(delegates('child hangs'))
      const stream = generateStream('delegate', real.options())
      let child
      for await (const event of stream.events) {
        if (!event.parentSessionID) continue
        child = event.sessionID
        await until(() => real.model.requests.at(-1).prompt.endsWith('child hangs'))
        break
      }
      expect(await real.busy(child)).toBe(false)
      // 1.1.31 says that it is idle, and under load is busy for a moment longer with the end of the tool.
      await until(async () => !(await real.busy(stream.sessionID)))
      expect((await stream.result).finishReason).toBe('abort')
      await real.model.requests.at(-1).ended
      expect(real.model.requests.at(-1).aborted).toBe(true)
    })
  })
})
