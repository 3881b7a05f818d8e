// What happens in a turn: the words of the answer, what the model thinks, tools, tokens and cost.
import { generateStream } from 'opencode-stream'

const stream = generateStream('Run the tests.', { permission: 'allow' })

for await (const event of stream.events) {
  // Subagents have events of the same kinds; theirs name the session that called them.
  if ('parentSessionID' in event) continue
  switch (event.type) {
    case 'reasoning-delta':
    case 'text-delta':
      process.stdout.write(event.delta)
      break
    case 'tool':
      if (event.status === 'completed') console.log(`[${event.tool}] ${event.title ?? ''}`)
      break
    case 'finish':
      console.log(`\n${event.result.usage.output} tokens, $${event.result.cost}`)
  }
}
