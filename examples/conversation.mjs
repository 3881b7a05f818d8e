// Two people in one conversation: their turns wait for each other, in one session of OpenCode.
import { OpenCode } from 'opencode-stream'

const opencode = new OpenCode()
const session = opencode.session({ title: 'Colours' })

// At once, and before there is a session: the first turn makes it.
const [ada, bob] = await Promise.all([
  session.generate('I am Ada. Remember blue.'),
  session.generate('I am Bob. Which colour?'),
])
console.log(ada.text)
console.log(bob.text, ada.sessionID === bob.sessionID)

await session.delete()
await opencode.close()
