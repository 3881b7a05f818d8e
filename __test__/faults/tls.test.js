// Over TLS: whom the system or Node trusts, and nobody else. Each in a process of its own, which reads that once.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { strangeServer, turnSaying } from './strange-server.mjs'

const file = (name) => fileURLToPath(new URL(name, import.meta.url))
const cert = file('tls/cert.pem')
const SECRET = 'hunter2-secret'
const PROGRAM = `
  import { generate } from ${JSON.stringify(file('../../index.js'))}
  const answer = await generate('hi', { baseUrl: process.argv[1], directory: '/', password: '${SECRET}' }).catch((error) => error)
  const { code, accepted, message, cause, text } = answer
  console.log(JSON.stringify({ code, accepted, message, cause: String(cause), text }))`

let server
let heard
beforeAll(async () => {
  const tls = { key: readFileSync(file('tls/key.pem')), cert: readFileSync(cert) }
  server = await strangeServer({
    tls,
    records: () => turnSaying('safe and sound'),
    answers: {
      '/path': (_, response) => {
        heard = true
        response.writeHead(404).end()
      },
    },
  })
})
afterAll(() => server.close())

/** The outcome of a turn in a process with these variables. */
async function outcome(env) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, server.url], {
    env: { ...process.env, SSL_CERT_FILE: undefined, SSL_CERT_DIR: undefined, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  for await (const chunk of child.stdout) out += chunk
  return JSON.parse(out)
}

it('a certificate that nobody vouches for is refused, with the reason, and nothing is sent', async () => {
  const refused = await outcome({})
  expect(refused).toMatchObject({ code: 'ERR_OPENCODE_UNREACHABLE', accepted: false })
  expect(refused.cause).toMatch(/certificate/i)
  expect(JSON.stringify(refused)).not.toContain(SECRET)
  expect(server.prompts).toEqual([])
  expect(heard).toBeUndefined()
})

it.each(['NODE_EXTRA_CA_CERTS', ...(process.platform === 'linux' ? ['SSL_CERT_FILE'] : [])])(
  'one that %s names is trusted',
  async (name) => {
    expect(await outcome({ [name]: cert })).toMatchObject({ text: 'safe and sound' })
  },
)
