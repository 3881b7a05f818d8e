'use strict'

const { setTimeout: sleep } = require('node:timers/promises')

const { harmless } = require('../lib/harmless.js')

const PATIENCE = 10_000

/** The calls of each generation. */
const CALLS = {
  1: {
    async busy(server) {
      const statuses = await ask(server, 'GET', '/session/status')
      return Object.keys(statuses).filter((id) => statuses[id].type !== 'idle')
    },
    stop: (server, id) => ask(server, 'POST', `/session/${id}/abort`),
    sessions: (server) => ask(server, 'GET', '/session'),
    delete: (server, id) => ask(server, 'DELETE', `/session/${id}`),
  },
  2: {
    async busy(server) {
      const { data } = await ask(server, 'GET', '/api/session/active')
      return Object.keys(data)
    },
    stop: (server, id) => ask(server, 'POST', `/api/session/${id}/interrupt`),
    async sessions(server) {
      const { data } = await ask(server, 'GET', '/api/session')
      return data
    },
    delete: (server, id) => ask(server, 'DELETE', `/api/session/${id}`),
  },
}

/**
 * Stops every turn on a server and deletes every session of its directory: a turn that ran on would take replies of
 * the next test, and `continue` would find a session there.
 */
async function clearSessions(server) {
  const calls = CALLS[server.generation]
  const until = Date.now() + PATIENCE
  for (;;) {
    const running = await calls.busy(server)
    // Again each time: an abort that comes before the turn has begun is lost.
    for (const id of running) await calls.stop(server, id)
    if (running.length === 0 && (await deleteSessions(server, calls))) return
    if (Date.now() > until) {
      throw new Error(`OpenCode did not come to rest after the test. The end of its log:\n${logEnd(server)}`)
    }
    await sleep(10)
  }
}

/** True once there are none; a listing may be shorter than all. */
async function deleteSessions(server, calls) {
  const sessions = await calls.sessions(server)
  // With a session its children go.
  const roots = sessions.filter(({ parentID }) => !parentID)
  for (const { id } of roots) await calls.delete(server, id)
  return sessions.length === 0
}

async function ask(server, method, path) {
  const url = new URL(path, server.url)
  if (server.generation === 1 || path === '/api/session') url.searchParams.set('directory', server.directory)
  const headers = {}
  if (server.password !== undefined) headers.authorization = `Basic ${btoa(`opencode:${server.password}`)}`
  const response = await fetch(url, { method, headers }).catch((cause) => {
    throw new Error(`OpenCode was gone when the test ended. The end of its log:\n${logEnd(server)}`, {
      cause,
    })
  })
  const body = await response.text()
  // Another call, or OpenCode itself, was quicker.
  if (response.ok || response.status === 404) return body && JSON.parse(body)
  throw new Error(`OpenCode answered ${method} ${path} with ${response.status}: ${harmless(body)}`)
}

const logEnd = (server) => harmless(server.log().slice(-4000))

module.exports = { clearSessions }
