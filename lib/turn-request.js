'use strict'

const path = require('node:path')
const { invalid } = require('./invalid-option.js')
const { MODES, readUsername, serverOf } = require('./options.js')
const { oneOf } = require('./option-values.js')
const { resolveDirectory } = require('./platform.js')
const { readPrompt } = require('./prompt.js')
const { readServerUrl, isLoopback } = require('./server-url.js')
const { chooseRoutes } = require('./routes.js')
const { workingDirectory } = require('./working-directory.js')

const MIB = 1024 * 1024
const DEFAULT_USERNAME = 'opencode'
const DEFAULT_TIMEOUTS = {
  connect: 5_000,
  serverStart: 30_000,
  accept: 30_000,
  idle: 75_000,
  reconnect: 60_000,
  total: Infinity,
}
const DEFAULT_LIMITS = { record: 64 * MIB, buffered: 64 * MIB }

/** Everything native code needs to know about one turn, with all defaults filled in. */
function turnRequest(prompt, settings, env = process.env) {
  const parts = readPrompt(prompt)
  const { routes, skipped } = findRoutes(settings, env, parts)
  refuseImpossibleSession(settings)
  return {
    routes,
    skipped,
    ...serverRequest(settings, env, { isOurOwn: !routes.includes('server') }),
    launch: startsOpenCode(routes) ? require('./launch.js').launchRequest(settings, env) : null,
    session: {
      id: settings.sessionID ?? null,
      continue: settings.continue ?? false,
      fork: settings.fork ?? false,
      title: settings.title ?? null,
      ephemeral: settings.ephemeral ?? false,
    },
    parts,
    files: settings.files ?? [],
    json: settings.json ?? null,
    agent: settings.agent ?? null,
    model: settings.model ?? null,
    variant: settings.variant ?? null,
    system: settings.system ?? null,
    tools: settings.tools ?? null,
    permission: policy(settings.permission),
    question: policy(settings.question),
    limits: { ...DEFAULT_LIMITS, ...settings.limits },
    raw: settings.raw ?? false,
    onLeave: settings.onLeave ?? 'abort',
  }
}

function startsOpenCode(routes) {
  return routes.some((route) => route !== 'server')
}

/** A function stays here, and is called when native code asks. Unset, an ask is rejected and the turn fails. */
function policy(value = 'unset') {
  return typeof value === 'function' ? 'call' : value
}

function healthRequest(settings, env = process.env) {
  if (chooseMode(settings, env) === 'cli') {
    const subject = settings.mode ? 'Option `mode`' : 'Environment variable OPENCODE_MODE'
    throw invalid(subject, "is 'cli', but health() asks a server", "Pass mode: 'server' to health().")
  }
  return serverRequest(settings, env, { mayBeNowhere: true })
}

/** The routes that honour all settings, and why the others are skipped; throws where none is left. */
function findRoutes(settings, env = process.env, parts = []) {
  const mode = chooseMode(settings, env)
  const named = mode !== 'cli' && Boolean(settings.baseUrl ?? env.OPENCODE_SERVER_URL)
  const { autostart = mode === 'auto' } = settings
  return chooseRoutes(settings, { mode, named, starts: autostart, parts })
}

function chooseMode(settings, env) {
  return settings.mode ?? fromEnvironment(env, 'OPENCODE_MODE', oneOf(MODES)) ?? 'auto'
}

/** Where the server is, who we are to it, and which project is meant. */
function serverRequest(settings, env, { isOurOwn = false, mayBeNowhere = false } = {}) {
  const given = settings.baseUrl ?? fromEnvironment(env, 'OPENCODE_SERVER_URL', readServerUrl) ?? null
  const named = isOurOwn ? null : given
  const headers = settings.headers ?? { __proto__: null }
  const { total, ...timeouts } = { ...DEFAULT_TIMEOUTS, ...settings.timeouts }
  return {
    url: named?.url ?? null,
    credentials: chooseCredentials(settings, named, headers, env),
    headers,
    directory: chooseDirectory(settings, named, mayBeNowhere),
    service: named === null ? serviceRegistration(env) : null,
    network: networkOf(env),
    directoryGiven: settings.directory !== undefined,
    timeouts: { ...timeouts, total: total === Infinity ? null : total },
  }
}

/** An option wins over the address, and that over the environment, which only a named server gets to see. */
function chooseCredentials(settings, named, headers, env) {
  const given = {
    username: settings.username ?? named?.username,
    password: settings.password ?? named?.password,
  }
  const isGiven = given.username !== undefined || given.password !== undefined
  if ('authorization' in headers) {
    if (!isGiven) return null
    const hint = 'Leave out one of them.'
    throw invalid('Option `headers.authorization`', 'is given beside a user name or a password', hint)
  }
  // A server that the environment names too is the one that its credentials are for.
  const isAmbient = named && (!env.OPENCODE_SERVER_URL || serverOf(env) === named.url)
  const password = given.password ?? (isAmbient ? ambientPassword(env) : undefined)
  if (password == null) {
    if (settings.username === undefined) return isGiven ? { ...given, password: '' } : null
    throw invalid('Option `username`', 'is given without a password', 'Pass `password` too.')
  }
  const ambient = isAmbient ? fromEnvironment(env, 'OPENCODE_SERVER_USERNAME', readUsername) : undefined
  return { username: given.username ?? ambient ?? DEFAULT_USERNAME, password }
}

/** OpenCode 2 has another name for it, and reads both. */
function ambientPassword(env) {
  return fromEnvironment(env, 'OPENCODE_SERVER_PASSWORD') ?? fromEnvironment(env, 'OPENCODE_PASSWORD')
}

/** Our own working directory means nothing to a server on another machine: that one is asked for its own. */
function chooseDirectory({ directory }, named, mayBeNowhere) {
  if (directory !== undefined) return resolveDirectory(directory, named !== null)
  if (named !== null && !isLoopback(named.url)) return null
  try {
    return workingDirectory()
  } catch (error) {
    if (mayBeNowhere) return null
    throw error
  }
}

/** Where OpenCode 2 registers its background service: with its address, and its password. */
function serviceRegistration(env) {
  const home = env.XDG_STATE_HOME || (env.HOME && path.join(env.HOME, '.local', 'state'))
  return home && path.isAbsolute(home) ? path.join(home, 'opencode', 'service.json') : null
}

/** What the environment says of the way to a server. Read here: native threads that read it race with whoever sets it. */
function networkOf(env) {
  const first = (...names) => names.map((name) => env[name]).find((value) => value !== undefined) ?? null
  const all = first('ALL_PROXY', 'all_proxy')
  // A CGI program has HTTP_PROXY from the request's own `Proxy:` header.
  const http = env.REQUEST_METHOD === undefined ? first('HTTP_PROXY', 'http_proxy') : null
  return {
    httpProxy: http ?? all,
    httpsProxy: first('HTTPS_PROXY', 'https_proxy') ?? all,
    noProxy: first('NO_PROXY', 'no_proxy'),
    extraCaCerts: env.NODE_EXTRA_CA_CERTS || null,
  }
}

function refuseImpossibleSession({ sessionID, continue: newest, fork, ephemeral, onLeave }) {
  const existing = sessionID !== undefined || newest
  if (sessionID !== undefined && newest) {
    throw invalid(
      'Option `continue`',
      `is true beside \`sessionID\` "${sessionID}"`,
      'Pass one of them: both choose the session.',
    )
  }
  if (fork && !existing) {
    throw invalid(
      'Option `fork`',
      'is true, but there is no session to fork',
      'Pass `sessionID` or `continue: true` too.',
    )
  }
  if (ephemeral && onLeave === 'detach') {
    throw invalid(
      'Option `ephemeral`',
      "is true beside `onLeave: 'detach'`: a turn that runs on alone has nobody to delete its session",
      'Leave one of them out.',
    )
  }
  if (ephemeral && existing && !fork) {
    throw invalid(
      'Option `ephemeral`',
      'is true for a session that existed before, and would delete it',
      'Pass `fork: true` too, which makes a new session, or leave out `ephemeral`.',
    )
  }
}

/** An empty variable counts as unset, as everywhere else in a shell. */
function fromEnvironment(env, name, read = String) {
  return env[name] ? read(env[name], `Environment variable ${name}`) : undefined
}

module.exports = { turnRequest, healthRequest, findRoutes }
