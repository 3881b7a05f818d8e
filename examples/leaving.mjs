// Ways to leave. Each stops the turn inside OpenCode too, and waits for that.
import { generateStream } from 'opencode-stream'

// With `break`: what was written so far is in the result.
const story = generateStream('Tell me a long story.')
for await (const text of story) if (text) break
const { text, finishReason } = await story.result
console.log(`${finishReason}: ${text}`)

// With a signal: its reason is thrown.
const controller = new AbortController()
try {
  const { signal } = controller
  for await (const text of generateStream('Another one.', { signal })) controller.abort(`enough: ${text}`)
} catch (reason) {
  console.log(reason)
}
