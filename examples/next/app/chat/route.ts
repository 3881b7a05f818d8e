// POST /chat with { prompt, sessionID } is answered by the events of the turn. A browser that goes away stops it.
import { generateStream, OpenCodeError } from 'opencode-stream'

export async function POST(request: Request): Promise<Response> {
  const { prompt, sessionID } = await request.json()
  try {
    return generateStream(prompt, { sessionID }).toResponse()
  } catch (error) {
    // What is wrong with the prompt is thrown at once, before anything is sent.
    if (error instanceof OpenCodeError) return Response.json(error, { status: 400 })
    throw error
  }
}
