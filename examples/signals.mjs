// A worker that is told to stop (SIGTERM, or Ctrl-C) stops its turn inside OpenCode too, and then ends.
import { generate } from 'opencode-stream'

const leaving = new AbortController()
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => leaving.abort(name))

try {
  const { text } = await generate('Tidy up.', { signal: leaving.signal })
  console.log(text)
} catch (reason) {
  if (reason !== leaving.signal.reason) throw reason
  console.log(`stopped by ${reason}`)
  process.exitCode = 1
}
