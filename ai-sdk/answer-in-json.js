'use strict'

/**
 * An answer that fits a schema, as the text that the AI SDK will parse. An answer that does not fit is given as it
 * is: the AI SDK has an error of its own for that, which its users know.
 */
async function answerInJson(client, prompt, options, schema) {
  if (typeof client.generateJson !== 'function') return asked(client, prompt, options, schema)
  try {
    const { value, ...result } = await client.generateJson(prompt, { ...options, schema })
    return { text: JSON.stringify(value), result }
  } catch (error) {
    if (error?.code !== 'ERR_OPENCODE_JSON' || typeof error.data?.text !== 'string') throw error
    return { text: error.data.text, result: unfit(error) }
  }
}

function unfit({ sessionID }) {
  return { sessionID, finishReason: 'unknown', usage: {} }
}

/** Without OpenCode's own structured output the model is only asked for it. */
async function asked(client, prompt, { system, ...options }, schema) {
  const wish = `Answer with JSON alone, without a code fence, that fits this JSON schema: ${JSON.stringify(schema)}`
  const result = await client.generate(prompt, { ...options, system: system ? `${system}\n\n${wish}` : wish })
  return { text: result.text, result }
}

module.exports = { answerInJson }
