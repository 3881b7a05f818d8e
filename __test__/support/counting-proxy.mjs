// A proxy in front of a server, that counts its requests and can cut what it carries.
import { createServer, request as forward } from 'node:http'

export async function countingProxy(target) {
  const requests = []
  const streams = new Set()
  const server = createServer((incoming, outgoing) => {
    requests.push(`${incoming.method} ${incoming.url.split('?')[0]}`)
    const options = { method: incoming.method, headers: incoming.headers }
    const upstream = forward(new URL(incoming.url, target), options, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers)
      outgoing.flushHeaders()
      if (answer.headers['content-type']?.startsWith('text/event-stream')) {
        streams.add(outgoing)
        outgoing.once('close', () => streams.delete(outgoing))
      }
      answer.on('error', () => outgoing.destroy()).pipe(outgoing)
    })
    upstream.on('error', () => outgoing.destroy())
    outgoing.on('close', () => upstream.destroy())
    incoming.on('error', () => {}).pipe(upstream)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    /** The event streams that are open now. */
    streams,
    count: (line) => requests.filter((known) => known === line).length,
    cut() {
      for (const stream of streams) stream.destroy()
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
