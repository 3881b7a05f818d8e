// A conversation, a copy of it, and a question that leaves nothing behind.
import { generate } from 'opencode-stream'

const { sessionID = null } = await generate('Remember the colour blue.', { title: 'Colours' })

const second = await generate('Which colour?', { sessionID })
console.log(second.text)

// The copy goes its own way; the original does not hear of it.
const copy = await generate('And mixed with yellow?', { sessionID, fork: true })
console.log(copy.text, copy.sessionID === sessionID)

await generate('What is 6 times 7?', { ephemeral: true })
