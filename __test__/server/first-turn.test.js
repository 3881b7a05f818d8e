// The first turn of a server is left while OpenCode still loads the project.
import { expect, it } from 'vitest'
import { generate, generateStream } from '../../index.js'
import testing from '../../testing/index.js'
import { realOpenCode } from '../support/real-opencode.mjs'

const { hang, text } = testing
const real = realOpenCode({ version: '1.18.33' })

it('leaving it does no harm to the turns behind it', async () => {
  real.model.when('never mind', hang())
  const stream = generateStream('never mind', real.options())
  for await (const { type } of stream.events) if (type === 'start') break
  expect(await stream.result).toMatchObject({ finishReason: 'abort', text: '' })
  // 1.18.33 would say "All fibers interrupted without error" to each of them, until it is started again.
  real.model.reply(text('Here.'))
  expect(await generate('And now?', real.options())).toMatchObject({ text: 'Here.', finishReason: 'stop' })
})
