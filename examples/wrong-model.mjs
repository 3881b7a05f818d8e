// A model that the server does not have: nothing was sent, and the hint lists what there is.
import { generate, OpenCodeError } from 'opencode-stream'

/**
 * With the model that is wished for, or else with OpenCode's own.
 * @param {string} prompt @param {string} model
 */
async function answerOf(prompt, model) {
  try {
    return await generate(prompt, { model })
  } catch (error) {
    if (!(error instanceof OpenCodeError) || error.code !== 'ERR_OPENCODE_MODEL_NOT_FOUND') throw error
    console.log(error.message)
    console.log(error.hint)
    return generate(prompt)
  }
}

const { text } = await answerOf('Who are you?', process.argv[2] ?? 'nobody/nothing')
console.log(text)
