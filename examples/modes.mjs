// The same prompt over each route that needs no server at hand. OPENCODE_BIN may name the executable.
import { generate } from 'opencode-stream'

// Given, it also keeps us from looking for a server on port 4096.
const cliPath = process.env.OPENCODE_BIN ?? 'opencode'

/** @type {import('opencode-stream').GenerateOptions[]} */
const ways = [{ mode: 'auto' }, { mode: 'cli' }, { mode: 'cli', cliProtocol: 'run' }]

for (const options of ways) {
  const { route, granularity, text } = await generate('Who are you?', { ...options, cliPath })
  console.log(`${route}, ${granularity} by ${granularity}: ${text}`)
}
