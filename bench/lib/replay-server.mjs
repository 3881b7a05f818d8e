// The replay server: built when it is missing or old, started, told what to send.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import path from 'node:path'

const PLACE = path.resolve(import.meta.dirname, '../replay-server')

export function build() {
  const { status } = spawnSync('cargo', ['build', '--release', '--locked'], { cwd: PLACE, stdio: 'inherit' })
  if (status !== 0) throw new Error('the replay server cannot be built')
}

/** As the replay server has it, for those that ask. */
const PASSWORDS = { 2: 'bench' }

/** It ends with us: its standard input is our end of a pipe. */
export async function start(generation) {
  const program = path.join(PLACE, 'target/release/replay-server')
  const child = spawn(program, ['--opencode', String(generation)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout, 'data')
  return {
    target: { generation, url: String(line).trim(), password: PASSWORDS[generation] },
    stop: async () => {
      child.stdin.end()
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}

/** What the next prompts are answered with. Over node:http, so that no contender's client is warm. */
export async function plan(
  url,
  { turns, events, chunking = 'event', pace = 0, tools = 'foreign', long = 0 },
) {
  const query = new URLSearchParams({ turns, events, chunking, pace, tools, long })
  await ask('POST', `${url}/bench?${query}`)
}

/** How many prompts have come that wait for others. */
export async function prompted(url) {
  return Number(await ask('GET', `${url}/bench`))
}

/** How many characters the texts of its last answers have. */
export async function characters(url) {
  return Number(await ask('GET', `${url}/bench/characters`))
}

/** When it began to send the answers, on the clock of process.hrtime. */
export async function began(url) {
  return BigInt(await ask('GET', `${url}/bench/began`))
}

async function ask(method, url) {
  const request = http.request(url, { method, agent: false })
  request.end()
  const [response] = await once(request, 'response')
  let body = ''
  for await (const bytes of response) body += bytes
  return body
}
