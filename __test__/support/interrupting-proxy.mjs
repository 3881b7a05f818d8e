// A proxy in front of a server, that lets a test do something at a moment of one request.
import { createServer, request as forward } from 'node:http'

/**
 * `moment`: { path, stage, act }. `act` runs once, when a request whose path ends with `path` has come ('request'), was
 * passed on ('passed'), was answered but the answer not passed on ('withheld'), or its answer was passed on ('answered'); or it goes on once `act` has resolved ('held').
 */
export async function interruptingProxy(target, { path: wanted, stage, act }) {
  let done = false
  const reached = async (incoming, at) => {
    if (done || stage !== at || !incoming.url.split('?')[0].endsWith(wanted) || incoming.method !== 'POST')
      return false
    done = true
    await act()
    return true
  }
  const server = createServer(async (incoming, outgoing) => {
    incoming.on('error', () => {})
    if (await reached(incoming, 'request')) return outgoing.destroy()
    await reached(incoming, 'held')
    const options = { method: incoming.method, headers: incoming.headers }
    // Whom a client takes for a proxy, it sends whole addresses.
    const path = incoming.url.replace(/^http:\/\/[^/]*/, '')
    const upstream = forward(new URL(path, target), options, async (answer) => {
      answer.on('error', () => outgoing.destroy())
      if (await reached(incoming, 'withheld')) return outgoing.destroy()
      outgoing.writeHead(answer.statusCode, answer.headers)
      outgoing.flushHeaders()
      answer.pipe(outgoing)
      outgoing.on('finish', () => reached(incoming, 'answered'))
    })
    upstream.on('error', () => outgoing.destroy())
    upstream.on('finish', () => reached(incoming, 'passed'))
    outgoing.on('close', () => upstream.destroy())
    incoming.pipe(upstream)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
