// A TCP proxy on loopback that cuts, stalls, delays and splits what it carries, at chosen bytes.
import { connect, createServer } from 'node:net'

/**
 * `faultsOf({ line, number })` chooses the faults of a connection by its first request line (our client makes one
 * request a connection to a loopback server), or returns nothing:
 *
 * - `cutDown`, `cutUp`: the connection ends after so many bytes from, or to, the server; `reset: true` by RST
 * - `stallDown`: after so many bytes from the server nothing more comes, and the connection stays open; `'head'`:
 *   after the head of its answer
 * - `split`: bytes from the server come in pieces of at most so many
 * - `delay`: milliseconds before each of them
 * - `answer`: these bytes are the answer, and the server sees nothing
 */
export async function faultyWire(target, faultsOf = () => undefined) {
  const { hostname, port } = new URL(target)
  const connections = new Set()
  const wire = { faultsOf, connections, lines: [] }
  const server = createServer((client) => {
    client.setNoDelay()
    client.on('error', () => {})
    client.once('data', (first) => {
      const line = first.subarray(0, first.indexOf('\r\n')).toString('latin1').replace(/\?\S*/, '')
      wire.lines.push(line)
      carry({ client, first, line, wire, hostname, port: Number(port) })
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return Object.assign(wire, {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Ends the connections whose request line matches. */
    cut(matches = /./) {
      for (const connection of connections) if (matches.test(connection.line)) connection.end()
    },
    /** Carries nothing more on the connections that are open and match; they stay open. */
    stall(matches = /./) {
      for (const connection of connections) if (matches.test(connection.line)) connection.stall()
    },
    async close() {
      for (const connection of connections) connection.end()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

function carry({ client, first, line, wire, hostname, port }) {
  const faults = wire.faultsOf({ line, number: wire.lines.length - 1 }) ?? {}
  if (faults.answer !== undefined) return client.end(faults.answer)
  const upstream = connect(port, hostname)
  upstream.setNoDelay()
  let stalled = false
  const connection = {
    line,
    stall: () => {
      stalled = true
    },
    end() {
      wire.connections.delete(connection)
      upstream.destroy()
      if (faults.reset) client.resetAndDestroy()
      else client.destroy()
    },
  }
  wire.connections.add(connection)
  let up = 0
  const send = (bytes) => {
    if (stalled) return
    const allowed = Math.max(0, (faults.cutUp ?? Infinity) - up)
    up += bytes.length
    upstream.write(bytes.subarray(0, allowed))
    if (bytes.length >= allowed) connection.end()
  }
  send(first)
  client.on('data', send)
  const receive = receiver(client, faults, () => stalled, connection)
  upstream.on('data', receive)
  upstream.on('error', () => connection.end())
  upstream.on('end', () => receive(undefined))
  client.on('close', () => {
    wire.connections.delete(connection)
    upstream.destroy()
  })
}

/** Hands the server's bytes to the client as the faults have it, in order. `undefined` is their end. */
function receiver(client, faults, stalled, connection) {
  const { cutDown = Infinity, split = Infinity, delay = 0 } = faults
  let stallDown = faults.stallDown === 'head' ? Infinity : (faults.stallDown ?? Infinity)
  let down = 0
  let before = Promise.resolve()
  const pass = async (bytes) => {
    if (bytes === undefined) return stalled() || down >= stallDown ? undefined : client.end()
    const body = bytes.indexOf('\r\n\r\n')
    if (faults.stallDown === 'head' && body >= 0) stallDown = Math.min(stallDown, down + body + 4)
    for (let from = 0; from < bytes.length; ) {
      const size = Math.min(split, bytes.length - from, cutDown - down, stallDown - down)
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay))
      if (stalled() || client.destroyed) return
      client.write(bytes.subarray(from, from + size))
      from += size
      down += size
      if (down >= cutDown) return connection.end()
      if (down >= stallDown) return
      // Another turn of the loop, so that the pieces are pieces on the wire too.
      if (size === split) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return (bytes) => {
    before = before.then(() => pass(bytes))
  }
}
