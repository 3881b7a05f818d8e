// The floor of any client: `curl -N` writes what comes to a pipe, and we look for the tokens in it.
import { spawn } from 'node:child_process'
import readline from 'node:readline'

export async function listen({ url, headers, generation }, signal, onEvent) {
  const own = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const curl = spawn('curl', ['-sN', ...own, url + generation.eventPath], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  signal?.addEventListener('abort', () => curl.kill())
  for await (const line of readline.createInterface({ input: curl.stdout })) {
    if (line.startsWith('data: ') && onEvent(JSON.parse(line.slice(6))) === false) break
  }
  curl.kill()
}

export { createSession, prompt } from './over-fetch.mjs'
