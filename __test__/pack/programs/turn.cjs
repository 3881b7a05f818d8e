'use strict'

/** One turn; `say` gets each piece of text as it comes, then the result. */
module.exports = async ({ generateStream }, say) => {
  const stream = generateStream('Count to three.', JSON.parse(process.env.OPTIONS))
  for await (const text of stream) say({ text })
  const { text, finishReason, route } = await stream.result
  say({ result: { text, finishReason, route } })
}
