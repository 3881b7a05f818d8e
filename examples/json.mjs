// A value instead of a text, by a schema of zod, valibot, arktype or the like, or by a JSON Schema.
import { generateJson } from 'opencode-stream'
import { z } from 'zod'

const schema = z.object({ name: z.string(), languages: z.array(z.string()) })
const { value } = await generateJson('Describe this project.', { schema, ephemeral: true })
console.log(value.name, value.languages.join(', '))

const one = await generateJson('How many people wrote it?', { schema: { type: 'integer', minimum: 1 } })
console.log(one.value)
