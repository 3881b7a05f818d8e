// A proxy in front of a server, that counts its requests and can cut what it carries.
import { createServer, request as forward } from 'node:http'

export async function countingProxy(target) {
  const requests = []
  const streams = new Set()
  const faults = []
  const server = createServer((incoming, outgoing) => {
    const line = `${incoming.method} ${incoming.url.split('?')[0]}`
    requests.push(line)
    const fault = faults.findIndex(({ matches }) => matches.test(line))
    if (fault >= 0) {
      const [{ status }] = faults.splice(fault, 1)
      return outgoing.writeHead(status).end()
    }
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
    /** The next request whose line matches is answered with `status`, and goes no further. */
    failNext: (matches, status) => faults.push({ matches, status }),
    cut() {
      for (const stream of streams) stream.destroy()
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
