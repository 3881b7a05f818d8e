// What is peculiar to OpenCode 2: settings that belong to the session, prompts with an id, asks of subagents, forms.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { generate, generateJson, generateStream } from '../../index.js'
import testing from '../../testing/index.js'
import { dialects } from '../support/dialects.mjs'
import { interruptingProxy } from '../support/interrupting-proxy.mjs'
import { realOpenCode, until } from '../support/real-opencode.mjs'

const { fail, hang, lockstep, text, toolCall } = testing
const real = realOpenCode({ version: '2.0.15' })
const { shell } = dialects[2]
const UNSUPPORTED = { code: 'ERR_OPENCODE_UNSUPPORTED_OPTION', accepted: false }

afterEach(() => real.model.reset())

const session = async (id) => (await real.ask(`/api/session/${id}`)).data
const toolsOf = ({ body }) => body.tools.map(({ function: { name } }) => name)

describe('what a turn sets in its session', () => {
  const SETTINGS = {
    agent: 'plan',
    model: 'scripted/model',
    variant: 'high',
    tools: { bash: false },
    system: 'Answer like a pirate.',
  }
  let sessionID
  beforeAll(async () => {
    sessionID = (await generate('begin', real.options())).sessionID
  })

  /** The next turn without settings is as if there had been none. */
  async function expectPutBack() {
    expect(await session(sessionID)).toMatchObject({ agent: 'build', permissions: [] })
    real.model.reset()
    real.model.reply(text('plain'))
    await generate('and now?', real.options({ sessionID }))
    const { body } = real.model.requests.at(-1)
    expect(body.reasoning_effort).toBeUndefined()
    expect(toolsOf({ body })).toContain('shell')
    const entries = await real.ask(`/api/experimental/session/${sessionID}/instructions/entries`)
    expect(JSON.stringify(entries)).not.toContain('pirate')
  }

  it('counts for that turn, and is put back behind it', async () => {
    real.model.reply(text('Arr.'))
    const before = real.model.requests.length
    const result = await generate('hello', real.options({ sessionID, ...SETTINGS }))
    expect(result.text).toBe('Arr.')
    const requests = real.model.requests.slice(before)
    expect(requests, 'the reminder of the agent goes along with the prompt').toHaveLength(1)
    expect(requests[0].body.reasoning_effort).toBe('high')
    expect(toolsOf(requests[0])).not.toContain('shell')
    expect(JSON.stringify(requests[0].messages)).toContain('pirate')
    await expectPutBack()
  })

  it('counts for each of two turns that are called at once, and is put back', async () => {
    real.model.reply(text('Arr.')).reply(text('Aye.'))
    const before = real.model.requests.length
    const turns = ['one', 'two'].map((prompt) => generate(prompt, real.options({ sessionID, ...SETTINGS })))
    expect((await Promise.all(turns)).map(({ text }) => text)).toEqual(['Arr.', 'Aye.'])
    for (const request of real.model.requests.slice(before)) {
      expect(request.body.reasoning_effort).toBe('high')
      expect(toolsOf(request)).not.toContain('shell')
      expect(JSON.stringify(request.messages)).toContain('pirate')
    }
    await expectPutBack()
  })

  it('is put back when the provider fails', async () => {
    real.model.reply(fail(401))
    const failing = generate('hello', real.options({ sessionID, ...SETTINGS }))
    await expect(failing).rejects.toMatchObject({ code: 'ERR_OPENCODE_PROVIDER', status: 401 })
    await expectPutBack()
  })

  it('is put back when the turn is left', async () => {
    real.model.reply(text('Some '), hang())
    const stream = generateStream('hello', real.options({ sessionID, ...SETTINGS }))
    for await (const _ of stream) break
    expect(await stream.result).toMatchObject({ text: 'Some ', finishReason: 'abort' })
    expect(await real.busy(sessionID)).toBe(false)
    await expectPutBack()
  })

  it('is put back when there is no such model, and the prompt is withdrawn', async () => {
    const wrong = { sessionID, ...SETTINGS, model: 'scripted/nope', variant: undefined }
    await expect(generate('hello', real.options(wrong))).rejects.toMatchObject({
      code: 'ERR_OPENCODE_MODEL_NOT_FOUND',
      accepted: false,
    })
    expect((await real.ask(`/api/session/${sessionID}/inbox`)).data).toEqual([])
    await expectPutBack()
  })
})

describe('a named server', () => {
  const secretOf = (error) => JSON.stringify({ ...error, message: error.message, stack: error.stack })

  it.each([
    ['no password', { password: undefined }, /no credentials/, /OPENCODE_PASSWORD/],
    [
      'a wrong password',
      { password: 'wrong-secret' },
      /with the credentials/,
      /^Check username and password/,
    ],
    ['another user', { username: 'me' }, /with the credentials/, /no user but `opencode`/],
  ])('that is given %s says so, without the password', async (_, more, words, hint) => {
    const error = await generate('hello', real.options(more)).catch((error) => error)
    expect(error).toMatchObject({ code: 'ERR_OPENCODE_UNAUTHORIZED', status: 401, accepted: false })
    expect(error.message).toMatch(words)
    expect(error.hint).toMatch(hint)
    expect(secretOf(error)).not.toContain('wrong-secret')
    expect(secretOf(error)).not.toContain(real.server.password)
  })

  it('is let in by the password in the environment, and works where we do', async () => {
    process.env.OPENCODE_PASSWORD = real.server.password
    try {
      real.model.reply(text('in'))
      const { sessionID } = await generate('hello', { mode: 'server', baseUrl: real.server.url })
      expect((await session(sessionID)).location.directory).toBe(process.cwd())
    } finally {
      delete process.env.OPENCODE_PASSWORD
    }
  })

  it('on another machine works in its own directory', async () => {
    // A name that is not known to be of this machine, through a proxy that knows where it is.
    const proxy = await interruptingProxy(real.server.url, { path: '', stage: 'never', act: async () => {} })
    process.env.HTTP_PROXY = proxy.url
    try {
      real.model.reply(text('far'))
      const { password } = real.server
      const { sessionID } = await generate('hello', { mode: 'server', baseUrl: 'http://far.test', password })
      const authorization = `Basic ${btoa(`opencode:${password}`)}`
      const own = await fetch(`${real.server.url}/api/location`, { headers: { authorization } })
      expect((await session(sessionID)).location.directory).toBe((await own.json()).directory)
    } finally {
      delete process.env.HTTP_PROXY
      proxy.close()
    }
  })
})

describe('what OpenCode 2 would ignore in silence', () => {
  it.each([
    ['a tool that cannot be told from another', { tools: { write: false } }, /edit/],
    ['a tool that is not there', { tools: { todowrite: false } }, /todowrite/],
    [
      'a file that the model would not see',
      { files: [{ data: Buffer.from([0, 255, 254, 1]), mime: 'audio/mpeg', filename: 'a.mp3' }] },
      /a\.mp3/,
    ],
    [
      'a file that is too large for it',
      { files: [{ data: 'x'.repeat(20 * 1024 * 1024 + 1), mime: 'text/plain', filename: 'large.txt' }] },
      /large\.txt/,
    ],
    [
      'an agent in the prompt',
      {},
      /agent/,
      [
        { type: 'text', text: 'ask' },
        { type: 'agent', name: 'plan' },
      ],
    ],
  ])('%s is refused before the prompt', async (_, more, words, prompt = 'hello') => {
    const before = (await real.sessions()).length
    const error = await generate(prompt, real.options(more)).catch((error) => error)
    expect(error).toMatchObject(UNSUPPORTED)
    expect(error.message).toMatch(words)
    expect(real.model.requests).toEqual([])
    expect(await real.sessions()).toHaveLength(before)
  })
})

describe('a directory', () => {
  it.each(['a%20b', 'with space & größe 😀 #?+"'])('may be called %s', async (name) => {
    const directory = join(real.server.directory, name)
    mkdirSync(directory)
    real.model.reply(shell('pwd'))
    real.model.reply(text('there'))
    const { sessionID, parts } = await generate('where?', real.options({ directory }))
    expect((await real.session(sessionID)).directory).toBe(directory)
    expect(parts.find(({ type }) => type === 'tool').state.output.trim()).toBe(directory)
    real.model.reply(text('again'))
    const next = generate('and now?', real.options({ directory, continue: true }))
    expect((await next).sessionID).toBe(sessionID)
  })

  it('that is missing, or no folder, is refused before a session is made', async () => {
    const file = join(real.server.directory, 'file')
    writeFileSync(file, '')
    const before = (await real.sessions()).length
    for (const directory of [join(real.server.directory, 'nowhere'), file]) {
      const error = await generate('where?', real.options({ directory })).catch((error) => error)
      expect(error).toMatchObject({ code: 'ERR_OPENCODE_INVALID_OPTION', accepted: false })
    }
    expect(await real.sessions()).toHaveLength(before)
  })
})

describe('a prompt', () => {
  it.each(['request', 'withheld'])('whose request breaks (%s) runs once, and is not lost', async (stage) => {
    const proxy = await interruptingProxy(real.server.url, { path: '/prompt', stage, act: async () => {} })
    real.model.reply(text('once'))
    const result = await generate('do it', real.options({ baseUrl: proxy.url }))
    proxy.close()
    expect(result.text).toBe('once')
    expect(real.model.requests.filter(({ prompt }) => prompt === 'do it')).toHaveLength(1)
  })

  it('of a session that is ephemeral leaves nothing behind', async () => {
    real.model.reply(text('gone'))
    const { sessionID } = await generate('forget me', real.options({ ephemeral: true }))
    const { status } = await fetch(`${real.server.url}/api/session/${sessionID}`, {
      headers: { authorization: `Basic ${btoa(`opencode:${real.server.password}`)}` },
    })
    expect(status).toBe(404)
  })

  it('is asked for JSON in words', async () => {
    const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }
    real.model.reply(text('{"n": 1}'))
    expect((await generateJson('how many?', real.options({ schema }))).value).toEqual({ n: 1 })
    expect(JSON.stringify(real.model.requests.at(-1).messages)).toContain('integer')
  })
})

describe('asks', () => {
  const CHILD = { agent: 'general', description: 'look', prompt: 'child: look outside' }
  const isChild = ({ messages }) => JSON.stringify(messages).includes('child: look outside')
  const isParent = (request) => request.prompt === 'send somebody'
  const afterTool = ({ messages }) => messages.at(-1).role === 'tool'

  function script() {
    real.model.when((request) => isParent(request) && afterTool(request), text('Thanks.'))
    real.model.when(isParent, toolCall('subagent', CHILD))
    real.model.when((request) => isChild(request) && afterTool(request), text('Seen.'))
    real.model.when(isChild, toolCall('read', { path: '/etc/hostname' }))
  }

  it('of a subagent are answered under its own session', async () => {
    script()
    const asked = []
    const permission = (ask) => {
      asked.push(ask)
      return 'once'
    }
    const result = await generate('send somebody', real.options({ permission }))
    expect(result).toMatchObject({ text: 'Thanks.', finishReason: 'stop' })
    expect(asked).toMatchObject([{ permission: 'external_directory', parentSessionID: result.sessionID }])
    expect(asked[0].sessionID).not.toBe(result.sessionID)
  })

  it('of a subagent that are rejected do not end the turn of the one that sent it', async () => {
    script()
    const result = await generate('send somebody', real.options({ permission: 'reject' }))
    expect(result).toMatchObject({ text: 'Thanks.', finishReason: 'stop' })
    expect(result.asks).toMatchObject([{ reply: 'reject', parentSessionID: result.sessionID }])
  })

  const QUESTION = {
    questions: [
      {
        question: 'Which colour?',
        header: 'Colour',
        options: [
          { label: 'Blue', description: 'sky' },
          { label: 'Red', description: 'rose' },
        ],
      },
    ],
  }

  it('that are questions come as forms, and the model reads the answers', async () => {
    real.model.reply(toolCall('question', QUESTION))
    real.model.reply(text('Blue it is.'))
    const question = ({ questions }) => {
      expect(questions).toMatchObject(QUESTION.questions)
      return [['Blue']]
    }
    const result = await generate('choose', real.options({ question }))
    expect(result).toMatchObject({ text: 'Blue it is.', finishReason: 'stop' })
    expect(JSON.stringify(real.model.requests.at(-1).messages.at(-1))).toContain('Blue')
  })

  it('that are questions and are rejected end the turn', async () => {
    real.model.reply(toolCall('question', QUESTION))
    expect(await generate('choose', real.options({ question: 'reject' }))).toMatchObject({
      finishReason: 'rejected',
      asks: [{ type: 'question', reply: 'reject' }],
    })
  })
})

describe('leaving', () => {
  it('a prompt that waits behind the turn of another client takes only itself back', async () => {
    let gate
    let sessionID
    // On a slow machine the time may be over before the prompt is there.
    for (let total = 2000, accepted = false; !accepted; total *= 2) {
      gate?.release()
      ;({ sessionID } = await generate('begin', real.options()))
      real.model.reset()
      gate = lockstep()
      real.model.reply(text(['Theirs ', 'goes on.'], { gate }))
      const act = async () => {
        const body = JSON.stringify({ text: 'of another client' })
        await real.ask(`/api/session/${sessionID}/prompt`, { method: 'POST', body })
        await until(() => gate.sent === 1)
      }
      const proxy = await interruptingProxy(real.server.url, { path: '/prompt', stage: 'request', act })
      const late = generate('late', real.options({ baseUrl: proxy.url, sessionID, timeouts: { total } }))
      const error = await late.catch((error) => error)
      expect(error).toMatchObject({ code: 'ERR_OPENCODE_TIMEOUT' })
      accepted = error.accepted === true
      await until(async () => (await real.ask(`/api/session/${sessionID}/inbox`)).data.length === 0)
      proxy.close()
    }
    await until(async () => (await real.ask(`/api/session/${sessionID}/inbox`)).data.length === 0)
    expect(await real.busy(sessionID)).toBe(true)
    gate.release()
    await until(async () => !(await real.busy(sessionID)))
    expect(await real.storedText(sessionID)).toMatch(/Theirs goes on\.$/)
    expect(real.model.requests.filter(({ prompt }) => prompt === 'late')).toEqual([])
  })

  it('right behind the prompt stops it, and the session is free', async () => {
    real.model.reply(text('never read'), hang())
    const stream = generateStream('go', real.options())
    for await (const event of stream.events) if (event.type === 'start') break
    const { sessionID, finishReason } = await stream.result
    expect(finishReason).toBe('abort')
    await until(async () => !(await real.busy(sessionID)))
    expect((await real.ask(`/api/session/${sessionID}/inbox`)).data).toEqual([])
  })
})
