'use strict'

const { OpenCodeError } = require('./opencode-error.js')

const NOT_YET = 'this version of opencode-stream does not have it yet'
const STARTS_NOTHING = 'this route starts nothing that the option could apply to'
const SPEAKS_HTTP = 'this route speaks HTTP'

/** Routes whose code is in this version. */
const PRESENT = ['server', 'private']

/**
 * Options that not every present route honours: when a value asks for something, and why a route cannot
 * do it. A route that is not mentioned can.
 */
const PARTLY = {
  cliPath: { asks: () => true, server: STARTS_NOTHING },
  config: { asks: isNotEmpty, server: STARTS_NOTHING },
  env: { asks: isNotEmpty, server: STARTS_NOTHING },
  cliProtocol: { asks: (value) => value !== 'auto', server: STARTS_NOTHING, private: SPEAKS_HTTP },
}

/** Throws for the first setting that no route of `mode` can honour. `starts`: we may start a server. */
function refuseUnsupported(settings, { mode, subject, named, starts }) {
  const routes = routesOf(mode, named, starts)
  if (!routes.some((route) => PRESENT.includes(route))) {
    const hint = "Pass mode: 'server', or leave it out."
    throw unsupported(`${subject} is '${mode}', and ${NOT_YET}`, reasonsOf(routes, {}), hint)
  }
  for (const [option, { asks, ...reasons }] of Object.entries(PARTLY)) {
    if (settings[option] === undefined || !asks(settings[option])) continue
    if (routes.some((route) => PRESENT.includes(route) && !reasons[route])) continue
    const what = `Option \`${option}\` cannot be honoured in mode '${mode}'${named ? ' with a named server' : ''}`
    throw unsupported(what, reasonsOf(routes, reasons), hintFor(option, { mode, named, reasons }))
  }
}

/** The routes that a mode may take, in order. */
function routesOf(mode, named, starts) {
  if (mode === 'cli') return ['acp', 'run']
  if (named) return ['server']
  const own = starts ? ['private'] : []
  return mode === 'server' ? ['server', ...own] : ['server', ...own, 'acp', 'run']
}

function reasonsOf(routes, reasons) {
  return routes.map((route) => ({ route, reason: PRESENT.includes(route) ? reasons[route] : NOT_YET }))
}

function hintFor(option, { named, reasons }) {
  if (reasons.private) return `Leave \`${option}\` out.`
  const instead = named ? 'leave out the address of the server' : 'pass `autostart: true`'
  return `Leave \`${option}\` out, or ${instead}, so that a server can be started with it.`
}

function unsupported(what, routes, hint) {
  const reasons = routes.map(({ route, reason }) => `${route}: ${reason}`).join('; ')
  return new OpenCodeError(`${what} (${reasons})`, {
    code: 'ERR_OPENCODE_UNSUPPORTED_OPTION',
    hint,
    accepted: false,
    data: { routes },
  })
}

function isNotEmpty(value) {
  return typeof value !== 'object' || Object.keys(value).length > 0
}

module.exports = { refuseUnsupported }
