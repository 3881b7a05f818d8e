// The two requests that begin a turn.

async function post(target, { path, body }) {
  const headers = { ...target.headers, 'content-type': 'application/json' }
  const response = await fetch(target.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  return response.text()
}

export async function createSession(target) {
  const { session, sessionId } = target.generation
  return sessionId(JSON.parse(await post(target, session(target.directory))))
}

export async function prompt(target, id, text) {
  await post(target, target.generation.prompt(id, text))
}
