// The shortest way: the answer, as it is written. Run it in a project: `node hello.mjs`.
import { generateStream } from 'opencode-stream'

const stream = generateStream('Explain this project in three sentences.')
// Ctrl-C stops the agent too. Without this, it would work on.
process.once('SIGINT', () => stream.abort())
for await (const text of stream) process.stdout.write(text)

const { finishReason, usage, sessionID } = await stream.result
console.log(`\n${finishReason}, ${usage.output} tokens, session ${sessionID}`)
