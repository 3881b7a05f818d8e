// Files for the model: read here, sent inline. This program shows itself, and a note that is no file at all.
import { generate } from 'opencode-stream'

const { text } = await generate('Does the program do what the note says?', {
  files: [new URL(import.meta.url), { data: 'It shows itself to a model.', filename: 'note.txt' }],
})
console.log(text)
