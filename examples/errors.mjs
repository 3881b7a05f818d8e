// One class of errors, told apart by `code`.
import { generate, OpenCodeError } from 'opencode-stream'

try {
  await generate('Hello!', { timeouts: { total: 60_000 } })
} catch (error) {
  if (!(error instanceof OpenCodeError)) throw error
  console.log(error.code, error.status)
  console.log(error.message)
  if (error.hint) console.log(error.hint)
  // Whether OpenCode took the prompt, which is never sent twice by us: true, false or 'unknown'.
  console.log('accepted:', error.accepted)
}
