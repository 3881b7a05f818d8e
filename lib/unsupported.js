'use strict'

const { OpenCodeError } = require('./opencode-error.js')

const NOT_YET = 'this version of opencode-stream does not have it yet'
const STARTS_NOTHING = 'this route starts nothing that the option could apply to'

/** The routes that a mode may take, in order. */
const ROUTES = {
  auto: ['server', 'private', 'acp', 'run'],
  server: ['server'],
  cli: ['acp', 'run'],
}

/** Routes whose code is in this version. */
const PRESENT = ['server']

/** Options that no present route honours: when a value asks for something, and why `server` cannot do it. */
const LATER = {
  autostart: { asks: (value) => value === true, server: STARTS_NOTHING },
  cliPath: { asks: () => true, server: STARTS_NOTHING },
  cliProtocol: { asks: (value) => value !== 'auto', server: STARTS_NOTHING },
  config: { asks: isNotEmpty, server: STARTS_NOTHING },
  env: { asks: isNotEmpty, server: STARTS_NOTHING },
  files: { asks: isNotEmpty, server: NOT_YET },
  jsonRetries: { asks: () => true, server: NOT_YET },
  schema: { asks: () => true, server: NOT_YET },
  permission: { asks: isFunction, server: `as a function, ${NOT_YET}` },
  question: { asks: isFunction, server: `as a function, ${NOT_YET}` },
}

/** Throws for the first setting that no route of `mode` can honour. */
function refuseUnsupported(settings, { mode, subject }) {
  if (!ROUTES[mode].some((route) => PRESENT.includes(route))) {
    const hint = "Pass mode: 'server', or leave it out."
    throw unsupported(`${subject} is '${mode}', and ${NOT_YET}`, routesWithout(mode, NOT_YET), hint)
  }
  for (const [option, { asks, server }] of Object.entries(LATER)) {
    if (settings[option] === undefined || !asks(settings[option])) continue
    const what = `Option \`${option}\` cannot be honoured in mode '${mode}'`
    throw unsupported(what, routesWithout(mode, server), `Leave \`${option}\` out.`)
  }
}

function routesWithout(mode, onServer) {
  return ROUTES[mode].map((route) => ({ route, reason: PRESENT.includes(route) ? onServer : NOT_YET }))
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

function isFunction(value) {
  return typeof value === 'function'
}

module.exports = { refuseUnsupported }
