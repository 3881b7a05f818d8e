'use strict'

const { setTimeout: sleep } = require('node:timers/promises')

const { harmless } = require('../lib/harmless.js')

const PATIENCE = 10_000

/**
 * Stops every turn on a server and deletes every session of its directory: a turn that ran on would take replies of
 * the next test, and `continue` would find a session there.
 */
async function clearSessions(server) {
  const until = Date.now() + PATIENCE
  for (;;) {
    const running = await busySessions(server)
    // Again each time: an abort that comes before the turn has begun is lost.
    for (const id of running) await ask(server, 'POST', `/session/${id}/abort`)
    if (running.length === 0 && (await deleteSessions(server))) return
    if (Date.now() > until) {
      throw new Error(`OpenCode did not come to rest after the test. The end of its log:\n${logEnd(server)}`)
    }
    await sleep(10)
  }
}

async function busySessions(server) {
  const statuses = await ask(server, 'GET', '/session/status')
  return Object.keys(statuses).filter((id) => statuses[id].type !== 'idle')
}

/** True once there are none; a listing may be shorter than all. */
async function deleteSessions(server) {
  const sessions = await ask(server, 'GET', '/session')
  // With a session its children go.
  const roots = sessions.filter(({ parentID }) => !parentID)
  for (const { id } of roots) await ask(server, 'DELETE', `/session/${id}`)
  return sessions.length === 0
}

async function ask(server, method, path) {
  const url = new URL(path, server.url)
  url.searchParams.set('directory', server.directory)
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
