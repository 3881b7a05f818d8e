// OpenCode's own SDK and this package on one server and one session: the SDK looks after sessions, messages and
// everything else that the server can do; the prompt is streamed here.
//
//   opencode serve --port 4096 &
//   OPENCODE_SERVER_URL=http://127.0.0.1:4096 node review.mjs
import { createOpencodeClient } from '@opencode-ai/sdk'
import { generateStream } from 'opencode-stream'

const baseUrl = process.env.OPENCODE_SERVER_URL ?? 'http://127.0.0.1:4096'
const directory = process.cwd()
const sdk = createOpencodeClient({ baseUrl, directory })

const { data: session } = await sdk.session.create({ body: { title: 'A review' }, throwOnError: true })

const stream = generateStream('Review the last commit.', { baseUrl, directory, sessionID: session.id })
for await (const text of stream) process.stdout.write(text)

// What was streamed is in the session, as the SDK sees it: its types and ours are of the same objects.
const { data: messages } = await sdk.session.messages({ path: { id: session.id }, throwOnError: true })
const stored = messages.flatMap(({ parts }) => parts).filter((part) => part.type === 'text')
const { text } = await stream.result
console.log(
  `\n${stored.at(-1)?.text === text ? 'The same text' : 'Another text'} is stored in "${session.title}".`,
)
