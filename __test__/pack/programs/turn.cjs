'use strict'

/** One turn; `say` gets each piece of text as it comes, then the result. */
module.exports = async ({ generateStream }, say) => {
  const { SERVER_URL: baseUrl, DIRECTORY: directory } = process.env
  const stream = generateStream('Count to three.', { baseUrl, directory })
  for await (const text of stream) say({ text })
  const { text, finishReason } = await stream.result
  say({ result: { text, finishReason } })
}
