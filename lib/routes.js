'use strict'

// Which routes a turn may take: those of its mode that honour every option given. docs/routes.md is this table in words.

const { OpenCodeError } = require('./opencode-error.js')

const STARTS_NOTHING = 'this route starts nothing that the option could apply to'
const STARTS_ITS_OWN = 'this route starts an OpenCode of its own'
const NOT_OVER_ACP = 'the Agent Client Protocol has no place for it'
const NO_FLAG = '`opencode run` has no flag for it'
const STANDARD_INPUT = '`opencode run` takes one text from its standard input, and nothing else'
const ANSWERS_ITSELF = '`opencode run` answers its asks itself'
const NOBODY_ELSE = 'no other client can be there to answer'
const ENDS_WITH_US = 'what this route starts ends with this process'
const NO_QUESTIONS = 'on this route OpenCode does not offer the tool that asks questions'

const always = () => true
const isTrue = (value) => value === true
const isLeave = (value) => value === 'leave'
const isDetach = (value) => value === 'detach'
const isOurs = (value) => value === 'event' || typeof value === 'function'

/** When a value asks for something that not every route can do, and why a route cannot. A route that is not named can. */
const LIMITS = [
  { option: 'baseUrl', asks: always, acp: STARTS_ITS_OWN, run: STARTS_ITS_OWN },
  { option: 'username', asks: always, acp: STARTS_ITS_OWN, run: STARTS_ITS_OWN },
  { option: 'password', asks: always, acp: STARTS_ITS_OWN, run: STARTS_ITS_OWN },
  { option: 'headers', asks: isNotEmpty, acp: STARTS_ITS_OWN, run: STARTS_ITS_OWN },
  { option: 'cliPath', asks: always, server: STARTS_NOTHING },
  { option: 'config', asks: isNotEmpty, server: STARTS_NOTHING },
  { option: 'env', asks: isNotEmpty, server: STARTS_NOTHING },
  { option: 'title', asks: always, acp: NOT_OVER_ACP },
  { option: 'ephemeral', asks: isTrue, acp: NOT_OVER_ACP, run: NO_FLAG },
  { option: 'system', asks: always, acp: NOT_OVER_ACP, run: NO_FLAG },
  { option: 'tools', asks: isNotEmpty, acp: NOT_OVER_ACP, run: NO_FLAG },
  { option: 'permission', asks: isLeave, private: NOBODY_ELSE, acp: NOBODY_ELSE, run: NOBODY_ELSE },
  { option: 'question', asks: isLeave, private: NOBODY_ELSE, acp: NO_QUESTIONS, run: NO_QUESTIONS },
  { option: 'permission', asks: isOurs, run: ANSWERS_ITSELF },
  { option: 'question', asks: isOurs, acp: NO_QUESTIONS, run: NO_QUESTIONS },
  { option: 'onLeave', asks: isDetach, private: ENDS_WITH_US, acp: ENDS_WITH_US, run: ENDS_WITH_US },
  { option: 'files', asks: isNotEmpty, run: STANDARD_INPUT },
]

/** The same of the prompt's own parts. */
const PARTS = [
  { asks: (parts) => has(parts, 'agent'), acp: NOT_OVER_ACP, run: STANDARD_INPUT },
  { asks: (parts) => has(parts, 'file'), run: STANDARD_INPUT },
  { asks: (parts) => parts.length > 1, run: STANDARD_INPUT },
]

/**
 * `{ routes, skipped }`: the routes, in the order in which they are tried, and those that cannot honour an option.
 * `named`: the turn names a server. `starts`: a private server may be started. `parts`: the prompt's, where there is
 * one.
 */
function chooseRoutes(settings, { mode, named, starts, parts = [] }) {
  const routes = routesOf(mode, { named, starts, protocol: settings.cliProtocol ?? 'auto' })
  const refused = new Map()
  const refuse = (what, { option: _, asks: __, ...reasons }) => {
    for (const route of routes) {
      if (reasons[route] && !refused.has(route)) refused.set(route, { what, reason: reasons[route] })
    }
  }
  for (const limit of LIMITS) {
    if (settings[limit.option] !== undefined && limit.asks(settings[limit.option]))
      refuse(`\`${limit.option}\``, limit)
  }
  if (settings.cliProtocol !== undefined && settings.cliProtocol !== 'auto' && mode === 'server') {
    refuse('`cliProtocol`', { server: STARTS_NOTHING, private: 'this route speaks HTTP' })
  }
  for (const limit of PARTS) if (limit.asks(parts)) refuse('the prompt', limit)
  const left = routes.filter((route) => !refused.has(route))
  if (left.length === 0) throw unsupported(routes, refused, { mode, named })
  const skipped = routes.flatMap((route) => (refused.has(route) ? [{ route, ...refused.get(route) }] : []))
  return { routes: left, skipped }
}

function routesOf(mode, { named, starts, protocol }) {
  const own = starts ? ['private'] : []
  const cli = protocol === 'auto' ? ['acp', 'run'] : [protocol]
  if (mode === 'cli') return cli
  if (named) return ['server']
  return mode === 'server' ? ['server', ...own] : ['server', ...own, ...cli]
}

/** Names the option where it is one; and where each route fails for one of its own, all of them. */
function unsupported(routes, refused, { mode, named }) {
  const whats = [...new Set(routes.map((route) => refused.get(route).what))]
  const subject = whats.length > 1 ? `Together, ${whats.join(' and ')}` : capitalised(whats[0])
  const where = `in mode '${mode}'${named && mode !== 'cli' ? ' with a named server' : ''}`
  const reasons = routes.map((route) => `${route}: ${refused.get(route).what}, ${refused.get(route).reason}`)
  return new OpenCodeError(`${subject} cannot be honoured ${where} (${reasons.join('; ')})`, {
    code: 'ERR_OPENCODE_UNSUPPORTED_OPTION',
    hint: hintFor(whats, routes, { mode, named }),
    accepted: false,
    data: { routes: routes.map((route) => ({ route, reason: refused.get(route).reason })) },
  })
}

function hintFor(whats, routes, { mode, named }) {
  if (whats.includes('`onLeave`')) {
    return 'Name a server that outlives this process by `baseUrl` (`opencode serve` starts one), or leave `onLeave` out.'
  }
  const out = `Leave ${whats.length > 1 ? 'one of them' : whats[0]} out`
  if (routes.length === 1 && routes[0] === 'server' && isAboutStarting(whats)) {
    const instead = named ? 'leave out the address of the server' : 'pass `autostart: true`'
    return `${out}, or ${instead}, so that a server can be started with it.`
  }
  return mode === 'cli' ? `${out}, or leave out \`mode: 'cli'\`.` : `${out}.`
}

function isAboutStarting(whats) {
  return whats.every((what) => ['`cliPath`', '`config`', '`env`'].includes(what))
}

function capitalised(what) {
  return what.startsWith('`') ? `Option ${what}` : what[0].toUpperCase() + what.slice(1)
}

function has(parts, type) {
  return parts.some((part) => part.type === type)
}

function isNotEmpty(value) {
  return typeof value !== 'object' || Object.keys(value).length > 0
}

module.exports = { chooseRoutes }
