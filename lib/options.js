'use strict'

const values = require('./option-values.js')
const { wrongValue, invalid, reading, refuseUnknownKeys, snapshot } = require('./invalid-option.js')
const { readModel } = require('./model.js')
const { readServerUrl } = require('./server-url.js')

const { text, anyText, fileName, secret, yesOrNo, oneOf, milliseconds, bytes, record } = values

const MODES = ['auto', 'server', 'cli']
const IMPLICIT_SERVER = 'http://127.0.0.1:4096'
/** What is a secret by its name: a header, a variable. */
const SECRET_NAME = /KEY|TOKEN|SECRET|PASS|AUTH|CREDENTIAL|COOKIE/i

/** Every option there is, and how it is read. `null` and `undefined` never reach a reader. */
const OPTIONS = {
  mode: oneOf(MODES),

  baseUrl: readServerUrl,
  serverUrl: readServerUrl,
  username: readUsername,
  password: secret('Pass the password of the server, or set OPENCODE_SERVER_PASSWORD.'),
  headers: values.headers,
  directory: fileName('Pass the path of the project the agent works in.'),

  sessionID: text(
    "Pass the id of a session, e.g. an earlier result's `sessionID`, or leave it out for a new one.",
  ),
  continue: yesOrNo,
  fork: yesOrNo,
  title: text('Pass the title of the new session, or leave it out.'),
  ephemeral: yesOrNo,

  agent: text('Pass the name of an agent, as `opencode agent list` prints it.'),
  model: readModel,
  variant: text("Pass the name of one of the model's variants, e.g. 'high'."),
  system: anyText('Pass the system prompt as one string.'),
  tools: values.dictionary(
    yesOrNo,
    'Pass an object from names of tools to true or false, e.g. { bash: false }.',
  ),

  files: (value, subject) => require('./files.js').readFilesOption(value, subject),
  jsonRetries: values.count('Pass how often a wrong answer is asked for again, e.g. 2; 0 for never.'),
  schema: (value, subject) => require('./schema.js').readSchema(value, subject),

  permission: oneOf(['reject', 'allow', 'leave', 'event'], { callback: true }),
  question: oneOf(['reject', 'leave', 'event'], { callback: true }),

  signal: values.abortSignal,
  onLeave: oneOf(['abort', 'detach']),
  timeouts: record(
    {
      connect: milliseconds(),
      serverStart: milliseconds(),
      accept: milliseconds(),
      idle: milliseconds(),
      reconnect: milliseconds(),
      total: milliseconds({ mayBeInfinite: true }),
    },
    { number: 'total' },
  ),
  limits: record({ record: bytes, buffered: bytes }),
  raw: yesOrNo,

  autostart: yesOrNo,
  cliPath: fileName('Pass the path of an OpenCode executable, or a name to look for on PATH.'),
  env: values.environment("Pass an object of strings, e.g. { OPENCODE_CONFIG_DIR: '/etc/opencode' }."),
  config: values.jsonObject("Pass an OpenCode configuration, e.g. { model: 'provider/model' }."),
  cliProtocol: oneOf(['auto', 'acp', 'run']),
}

/** What health() looks at. */
const HEALTH_OPTIONS = [
  'mode',
  'baseUrl',
  'serverUrl',
  'username',
  'password',
  'headers',
  'directory',
  'signal',
  'timeouts',
]

/** The values given in `options`, each checked and in its one normal form; nothing is filled in. */
function readOptions(options, known = Object.keys(OPTIONS)) {
  if (options == null) return { __proto__: null }
  const given = reading('The options', () => snapshot(options))
  if (given === undefined)
    throw wrongValue('The options', options, 'an object', 'Pass an object, or nothing.')
  refuseUnknownKeys(given, known, 'the options')
  return oneAddress(values.readAll(OPTIONS, given, (key) => `Option \`${key}\``))
}

/** `serverUrl` is another name of `baseUrl`. */
function oneAddress(settings) {
  const { serverUrl } = settings
  if (serverUrl === undefined) return settings
  delete settings.serverUrl
  const { baseUrl = serverUrl } = settings
  const same = ['url', 'username', 'password'].every((key) => baseUrl[key] === serverUrl[key])
  if (same) return Object.assign(settings, { baseUrl })
  const hint = 'They are two names of one option: pass one of them.'
  throw invalid(
    'Options `baseUrl` and `serverUrl`',
    `name two servers, ${baseUrl.url} and ${serverUrl.url}`,
    hint,
  )
}

/** A call's settings over the defaults. `timeouts`, `limits` and `headers` merge key by key. */
function mergeSettings(defaults, own, env = process.env) {
  const under = namesAnother(defaults, own, env) ? withoutCredentials(defaults) : defaults
  const merged = { __proto__: null, ...under, ...own }
  for (const key of ['timeouts', 'limits', 'headers']) {
    if (under[key] && own[key]) merged[key] = { __proto__: null, ...under[key], ...own[key] }
  }
  return merged
}

/** Whether a call names a server that is not the one of the defaults. */
function namesAnother(defaults, own, env) {
  return own.baseUrl !== undefined && own.baseUrl.url !== (defaults.baseUrl?.url ?? serverOf(env))
}

/** The server without any option. What the variable says is looked at, and judged where it is used. */
function serverOf({ OPENCODE_SERVER_URL: named }) {
  try {
    return named ? readServerUrl(named).url : IMPLICIT_SERVER
  } catch {
    return undefined
  }
}

/** Credentials of the defaults are for the server of the defaults. */
function withoutCredentials({ username: _, password: __, headers, ...rest }) {
  if (headers === undefined) return rest
  const open = Object.entries(headers).filter(([name]) => !SECRET_NAME.test(name))
  return { ...rest, headers: { __proto__: null, ...Object.fromEntries(open) } }
}

function readUsername(value, subject) {
  const name = text("Pass the user name of the server's HTTP Basic authentication.")(value, subject)
  if (!name.includes(':')) return name
  throw invalid(
    subject,
    'contains a colon, which HTTP Basic cannot carry in a user name',
    'Pass the password as `password`.',
  )
}

module.exports = {
  MODES,
  OPTIONS,
  HEALTH_OPTIONS,
  SECRET_NAME,
  readOptions,
  readUsername,
  mergeSettings,
  serverOf,
}
