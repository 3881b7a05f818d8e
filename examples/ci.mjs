// A script for CI: it ends by itself, with an exit code, and says why.
import { generate, OpenCodeError } from 'opencode-stream'

try {
  const { text } = await generate('Run the tests and say what fails.', { timeouts: { total: 600_000 } })
  console.log(text)
} catch (error) {
  if (!(error instanceof OpenCodeError)) throw error
  console.log(error.code)
  console.log(error.message)
  if (error.hint) console.log(error.hint)
  // What the agent asked and nobody answered; and how the provider failed, if OpenCode was still trying.
  const { ask, lastRetry } = error.data ?? {}
  if (ask) console.log('asked:', ask.permission, ask.patterns)
  if (lastRetry) console.log('provider:', lastRetry.attempt, lastRetry.message)
  if (error.cost !== undefined) console.log(`cost: $${error.cost}`)
  process.exitCode = 1
}
