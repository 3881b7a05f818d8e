// POST /chat with { prompt, sessionID } is answered by the events of the turn. A browser that goes away stops it.
import { generateStream, OpenCodeError } from 'opencode-stream'

/** Where this page is served, behind no proxy. */
const HOST = /^(127\.0\.0\.1|localhost)(:\d+)?$/

export async function POST(request: Request): Promise<Response> {
  if (!isOwnPage(request.headers)) return new Response(null, { status: 403 })
  if (request.headers.get('content-type') !== 'application/json') return new Response(null, { status: 415 })
  try {
    const { prompt, sessionID } = (await request.json()) ?? {}
    // A text and nothing else: as an array it could name files of this machine, which OpenCode would read.
    return generateStream(typeof prompt === 'string' ? prompt : '', { sessionID }).toResponse()
  } catch (error) {
    // What is wrong with the prompt is thrown at once, before anything is sent.
    if (error instanceof OpenCodeError) {
      const { code, message } = error
      return Response.json({ code, message }, { status: 400 })
    }
    if (error instanceof SyntaxError) return new Response(null, { status: 400 })
    throw error
  }
}

/** Any website can make a browser post here (then `origin` is theirs), and any name can lead here (then `host` is). */
function isOwnPage(headers: Headers): boolean {
  const host = headers.get('host') ?? ''
  const origin = headers.get('origin')
  return HOST.test(host) && (origin === null || origin === `http://${host}`)
}
