// Defaults for many calls, turns side by side, and an end for all of them.
import { OpenCode } from 'opencode-stream'

const opencode = new OpenCode({ agent: 'plan', timeouts: { total: 120_000 } })

const questions = ['What does this project do?', 'How is it tested?']
const answers = await Promise.all(questions.map((question) => opencode.generate(question)))
for (const { text } of answers) console.log(text)

await opencode.close()
