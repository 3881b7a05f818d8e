// Hosts that are not loopback: connections to them are kept, and a server may close one in the moment in which it is
// used again. Played between addresses of a network of the test's own.
import { execFileSync, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const UP = 'ip link set lo up && ip addr add 192.0.2.1/32 dev lo'
const canIsolate = (() => {
  try {
    execFileSync('unshare', ['-n', 'sh', '-c', UP], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

const PROGRAM = `
  import { OpenCode } from ${JSON.stringify(fileURLToPath(new URL('../../index.js', import.meta.url)))}
  import { smallOpenCode } from ${JSON.stringify(new URL('small-opencode.mjs', import.meta.url).href)}
  const used = new WeakSet()
  let cut = 0
  const promptsCut = []
  const server = await smallOpenCode({
    host: '192.0.2.1',
    // Whoever comes on a connection that was used before finds it closed.
    hook: ({ socket }, _, { match }) => {
      if (!used.has(socket)) return used.add(socket) && false
      cut++
      if (match?.[2] === 'prompt_async') promptsCut.push(1)
      socket.destroy()
      return true
    },
  })
  const client = new OpenCode(server.options)
  const said = []
  for (let i = 0; i < 20; i++) said.push(await client.generate('hi').then(({ text }) => text, ({ code }) => code))
  console.log(JSON.stringify({ said, cut, prompts: server.count(/prompt_async$/) }))
  await client.close()
  server.close()`

it.skipIf(!canIsolate)(
  'a kept connection that was closed costs no turn, and no prompt goes on one (needs root and `unshare -n`)',
  async () => {
    const words = [
      '-n',
      'sh',
      '-c',
      `${UP}; exec "$0" --input-type=module -e "$1"`,
      process.execPath,
      PROGRAM,
    ]
    const child = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    for await (const chunk of child.stdout) out += chunk
    const { said, cut, prompts } = JSON.parse(out)
    expect(new Set(said)).toEqual(new Set(['answer to hi']))
    expect(prompts).toBe(said.length)
    // It did happen, and on what only reads.
    expect(cut).toBeGreaterThan(0)
  },
)
