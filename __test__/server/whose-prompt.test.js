// Whose prompt is it? OpenCode 1 tells by the words alone, and plugins rewrite them.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as forward } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generate } from '../../index.js'
import testing from '../../testing/index.js'
import { until } from '../support/real-opencode.mjs'

const { scriptedModel, startOpenCode, text } = testing

const PLUGIN = `export const Rewrite = async () => ({
  'chat.message': async (_, { parts }) => {
    for (const part of parts) if (part.text?.startsWith('rewrite: ')) part.text = 'entirely other words'
  },
})`

describe.each(['1.18.33', '1.1.31'])('OpenCode %s', (version) => {
  let model
  let server
  let directory
  beforeAll(async () => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'whose-')))
    mkdirSync(join(directory, '.opencode', 'plugin'), { recursive: true })
    writeFileSync(join(directory, '.opencode', 'plugin', 'rewrite.js'), PLUGIN)
    model = await scriptedModel()
    server = await startOpenCode({ version, model, directory })
  })
  afterAll(async () => {
    await server?.stop()
    await model?.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const options = (more) => ({ mode: 'server', baseUrl: server.url, directory, ...more })
  const at = (path) => `${server.url}${path}?directory=${encodeURIComponent(directory)}`
  const userTexts = async (sessionID) => {
    const messages = await (await fetch(at(`/session/${sessionID}/message`))).json()
    return messages.filter(({ info }) => info.role === 'user').map(({ parts }) => parts[0].text)
  }

  it('a prompt that a plugin rewrote has its answer', async () => {
    model.reply(text(['the ', 'answer']))
    const { text: answer, sessionID } = await generate('rewrite: me', options())
    expect(answer).toBe('the answer')
    expect(await userTexts(sessionID)).toEqual(['entirely other words'])
  })

  it('the answer to another client that comes before our prompt shows is not ours', async () => {
    model.reply(text('begun'))
    const { sessionID } = await generate('begin', options())
    model.reset()
    model.when(({ prompt }) => prompt === 'theirs', text('their answer'))
    model.when(({ prompt }) => prompt === 'ours', text('our answer'))
    // It says that OpenCode has the prompt, and brings it there when another client's has been answered.
    const proxy = createServer((incoming, outgoing) => {
      const pass = (done) => {
        const { method, headers } = incoming
        const upstream = forward(new URL(incoming.url, server.url), { method, headers }, done)
        upstream.on('error', () => outgoing.destroy())
        outgoing.on('close', () => upstream.destroy())
        incoming.pipe(upstream)
      }
      if (!incoming.url.includes('/prompt_async')) {
        return pass((answer) => {
          answer.on('error', () => outgoing.destroy())
          outgoing.writeHead(answer.statusCode, answer.headers)
          answer.pipe(outgoing)
        })
      }
      let body = ''
      incoming.on('data', (chunk) => (body += chunk))
      incoming.on('end', async () => {
        outgoing.writeHead(204).end()
        await theirs()
        const headers = { 'content-type': 'application/json' }
        await fetch(new URL(incoming.url, server.url), { method: 'POST', headers, body })
      })
    })
    const theirs = async () => {
      const parts = [{ type: 'text', text: 'theirs' }]
      const headers = { 'content-type': 'application/json' }
      const body = JSON.stringify({ parts, model: { providerID: 'scripted', modelID: 'model' } })
      await fetch(at(`/session/${sessionID}/message`), { method: 'POST', headers, body })
    }
    await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const baseUrl = `http://127.0.0.1:${proxy.address().port}`
    const { text: answer } = await generate('ours', options({ baseUrl, sessionID }))
    expect(answer).toBe('our answer')
    expect(await userTexts(sessionID)).toEqual(['begin', 'theirs', 'ours'])
    proxy.closeAllConnections()
    await until(() => new Promise((resolve) => proxy.close(() => resolve(true))))
  })
})
