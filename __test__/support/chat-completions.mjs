// What OpenCode does with a scripted model, without OpenCode.

export function askModel(model, prompt, body = {}, init = {}) {
  const messages = [
    { role: 'system', content: 'You answer.' },
    { role: 'user', content: prompt },
  ]
  return fetch(`${model.baseURL}/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ model: 'model', messages, ...body }),
    ...init,
  })
}

/** The records of a streamed answer. */
export async function records(response) {
  const lines = (await response.text()).split('\n\n').filter(Boolean)
  return lines
    .map((line) => line.slice('data: '.length))
    .map((data) => (data === '[DONE]' ? data : JSON.parse(data)))
}
