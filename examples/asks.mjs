// Permissions and questions, asked of whoever sits at the terminal.
import { createInterface } from 'node:readline/promises'
import { inspect } from 'node:util'
import { generate } from 'opencode-stream'

const terminal = createInterface({ input: process.stdin, output: process.stdout })

const result = await generate('Clean up.', {
  permission: async ({ permission, patterns }, { signal }) => {
    // `inspect`: what a model writes may hold what a terminal obeys, and hide from you what you allow.
    const answer = await terminal.question(`Allow ${permission} ${inspect(patterns)}? `, { signal })
    return answer === 'y' ? 'once' : { reply: 'reject', message: 'Do without it.' }
  },
  question: async ({ questions }, { signal }) => {
    const answers = []
    for (const { question } of questions) answers.push([await terminal.question(`${question} `, { signal })])
    return answers
  },
})
terminal.close()

console.log(result.text)
for (const ask of result.asks) console.log(ask.type, ask.reply)
