// A script for CI: it ends by itself, with an exit code, and says why. `node ci.mjs [minutes] [provider/model]`
import { generate, OpenCodeError } from 'opencode-stream'

const [minutes = '10', model] = process.argv.slice(2)

try {
  const timeouts = { total: Number(minutes) * 60_000, reconnect: 5_000 }
  const { text } = await generate('Run the tests and say what fails.', { model, timeouts })
  console.log(text)
} catch (error) {
  if (!(error instanceof OpenCodeError)) throw error
  console.log(error.code, 'accepted:', error.accepted)
  console.log(error.message)
  if (error.hint) console.log(error.hint)
  // The ask that got no answer; and the provider's last failure, if OpenCode was retrying.
  const { ask, lastRetry } = error.data ?? {}
  if (ask) console.log('asked:', ask.permission, ask.patterns)
  if (lastRetry) console.log('provider:', lastRetry.attempt, lastRetry.message)
  if (error.cost !== undefined) console.log(`cost: $${error.cost}`)
  process.exitCode = 1
}
