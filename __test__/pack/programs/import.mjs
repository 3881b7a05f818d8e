import { generateStream } from 'opencode-stream'
import turn from './turn.cjs'

await turn({ generateStream }, (said) => console.log(JSON.stringify(said)))
