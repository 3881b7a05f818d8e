// The two requests that begin a turn.

async function post(url, body) {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  return response.text()
}

export async function createSession(url) {
  return JSON.parse(await post(`${url}/session`, {})).id
}

export async function prompt(url, id, text) {
  await post(`${url}/session/${id}/prompt_async`, { parts: [{ type: 'text', text }] })
}
