// Work that outlives this program: Ctrl-C, SIGTERM and the end of the loop leave the agent at work.
import { OpenCode, OpenCodeError } from 'opencode-stream'

const opencode = new OpenCode({ onLeave: 'detach' })
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => opencode.close())

const stream = opencode.generateStream('Tidy up the whole project.', { permission: 'allow' })
try {
  for await (const text of stream) process.stdout.write(text)
} catch (error) {
  if (!(error instanceof OpenCodeError) || error.code !== 'ERR_OPENCODE_CLOSED') throw error
  console.log(error.accepted === false ? '\nnever sent' : `\nruns on in ${error.sessionID}`)
}
