import { constants, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  fail,
  hang,
  lockstep,
  reasoning,
  scriptedModel,
  startOpenCode,
  text,
  toolCall,
  usage,
} from '../../testing/index.js'
import { openSession } from '../support/opencode-client.mjs'

// One of each dialect, and 1.14.48, which is silent on /event.
const VERSIONS = ['1.18.33', '1.14.48', '1.2.27', '1.1.31']

describe.each(VERSIONS)('a scripted model behind OpenCode %s', (version) => {
  const decoy = mkdtempSync(join(tmpdir(), 'opencode-decoy-'))
  let model
  let server
  let session

  beforeAll(async () => {
    for (const name of ['HOME', 'XDG_DATA_HOME', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME']) {
      vi.stubEnv(name, decoy)
    }
    vi.stubEnv('OPENCODE_PERMISSION', '{"bash":"deny"}')
    vi.stubEnv('SCRIPTED_API_KEY', 'a key that must stay here')
    model = await scriptedModel()
    vi.unstubAllEnvs()
    server = await startOpenCode({ version, model })
    session = await openSession(server)
  })

  afterAll(async () => {
    session?.close()
    await server?.stop()
    await model?.close()
    rmSync(decoy, { recursive: true })
  })

  it('answers the first prompt of the first start, token by token', async () => {
    model.reply(text(['One', ' two', ' 三', ' 🚀']))
    const turn = await session.prompt('Count.')
    expect(turn.text).toEqual(['One', ' two', ' 三', ' 🚀'])
    expect(model.requests.at(-1)).toMatchObject({ prompt: 'Count.', aborted: false })
    expect(model.requests.at(-1).tools).toContain('bash')
  })

  it('answers title requests apart', async () => {
    await expect.poll(async () => (await session.read()).title).toBe('Scripted title')
    expect(model.titleRequests.length).toBeGreaterThan(0)
    expect(model.requests.map(({ prompt }) => prompt)).toEqual(['Count.'])
  })

  it('reasons', async () => {
    model.reply(
      reasoning(['Let me', ' think.']),
      text(['Done', '.']),
      usage({ input: 30, output: 5, cacheRead: 7 }),
    )
    const turn = await session.prompt('Think.')
    expect(turn).toMatchObject({ reasoning: ['Let me', ' think.'], text: ['Done', '.'], errors: [] })
  })

  it('calls a tool, which runs', async () => {
    model.when('Look', toolCall('bash', { command: 'echo "it is $HOME"', description: 'look' })).times(1)
    model.when('Look', text('I looked.'))
    const turn = await session.prompt('Look around.')
    expect(turn.tools).toMatchObject([{ tool: 'bash', state: { output: `it is ${model.env.HOME}\n` } }])
    expect(turn.text).toEqual(['I looked.'])
    expect(model.requests.at(-1).messages.at(-1)).toMatchObject({ role: 'tool' })
  })

  it('fails', async () => {
    model.reply(fail(401, { message: 'bad key' }))
    const turn = await session.prompt('Fail.')
    expect(turn.errors).toMatchObject([{ name: 'APIError', data: { message: 'bad key', statusCode: 401 } }])
  })

  it('holds each token back until the one before it was seen', async () => {
    const gate = lockstep()
    const sentWhenSeen = []
    model.reply(reasoning(['a ', 'b '], { gate }), text(['c ', 'd ', 'e'], { gate }))
    const turn = await session.prompt('Slowly.', () => {
      sentWhenSeen.push(gate.sent)
      // Gives a token that should have waited the time to leave.
      setImmediate(() => setImmediate(() => gate.seen()))
    })
    expect(turn.deltas).toEqual(['a ', 'b ', 'c ', 'd ', 'e'])
    expect(sentWhenSeen).toEqual([1, 2, 3, 4, 5])
  })

  it('sees an abort', async () => {
    model.reply(text('Begun'), hang())
    const turn = session.prompt('Hang.', () => session.abort())
    const asked = model.requests.length + 1
    const request = (await model.waitForRequests(asked)).at(-1)
    await request.ended
    expect(request.aborted).toBe(true)
    expect((await turn).text).toEqual(['Begun'])
  })

  it('keeps to the folder of its environment', () => {
    expect(readdirSync(decoy)).toEqual([])
    expect(Object.keys(model.env)).not.toContain('OPENCODE_PERMISSION')
    expect(Object.values(model.env).join()).not.toContain('must stay here')
    expect(existsSync(join(model.env.XDG_DATA_HOME, 'opencode'))).toBe(true)
    const own = [dirname(model.env.HOME), server.directory, '/dev/']
    expect(
      filesOpenForWriting(server.pid).filter((path) => !own.some((root) => path.startsWith(root))),
    ).toEqual([])
  })
})

/** Where the system can tell. */
function filesOpenForWriting(pid) {
  const open = `/proc/${pid}/fd`
  if (!existsSync(open)) return []
  return readdirSync(open)
    .filter((fd) => isOpenForWriting(pid, fd))
    .map((fd) => readlinkSync(join(open, fd)))
    .filter((path) => path.startsWith('/'))
}

function isOpenForWriting(pid, fd) {
  const [, flags] = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))
  return (Number.parseInt(flags, 8) & (constants.O_WRONLY | constants.O_RDWR)) !== 0
}
