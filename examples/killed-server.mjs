// The agent asks, and the server is killed before it has the answer: what is known then, and what to do.
import { OpenCode, OpenCodeError } from 'opencode-stream'

const opencode = new OpenCode({ timeouts: { reconnect: 5_000 } })
const prompt = 'Publish the package.'

/** @type {import('opencode-stream').PermissionCallback} */
function askSomebody({ permission, patterns }, { signal }) {
  console.log('asked:', permission, patterns)
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

try {
  const { text } = await opencode.generate(prompt, { permission: askSomebody })
  console.log(text)
} catch (error) {
  if (!(error instanceof OpenCodeError)) throw error
  console.log(error.code, 'accepted:', error.accepted)
  console.log('so far:', error.data?.text)
  // Never send a prompt again that may have run: the session says whether it has it.
  const { sessionID } = error
  const found = sessionID && (await opencode.findPrompt(prompt, { sessionID }).catch(({ code }) => code))
  console.log('looked:', found)
  process.exitCode = 1
}
await opencode.close()
