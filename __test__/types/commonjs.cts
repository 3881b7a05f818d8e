// `require` has the same names as `import`.
import opencode = require('opencode-stream')

export const stream: opencode.GenerateStream = opencode.generateStream('Hello')
export const client: opencode.OpenCode = new opencode.OpenCode()
export const code: opencode.OpenCodeErrorCode = 'ERR_OPENCODE_CLOSED'
