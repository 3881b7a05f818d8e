'use strict'

const values = require('./option-values.js')
const { wrongValue, invalid, refuseUnknownKeys, isPlainObject } = require('./invalid-option.js')
const { readModel } = require('./model.js')
const { readServerUrl } = require('./server-url.js')

const { text, anyText, secret, yesOrNo, oneOf, milliseconds, bytes, record } = values

const MODES = ['auto', 'server', 'cli']

/** Every option there is, and how it is read. `null` and `undefined` never reach a reader. */
const OPTIONS = {
  mode: oneOf(MODES),

  baseUrl: readServerUrl,
  serverUrl: readServerUrl,
  username: readUsername,
  password: secret('Pass the password of the server, or set OPENCODE_SERVER_PASSWORD.'),
  headers: values.headers,
  directory: text('Pass the path of the project the agent works in.'),

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

  permission: oneOf(['reject', 'allow', 'leave'], { callback: true }),
  question: oneOf(['reject', 'leave'], { callback: true }),

  signal: values.abortSignal,
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
  cliPath: text('Pass the path of an OpenCode executable, or a name to look for on PATH.'),
  env: values.dictionary(
    secret('Pass the value of the variable as a string.'),
    "Pass an object of strings, e.g. { OPENCODE_CONFIG_DIR: '/etc/opencode' }.",
  ),
  config: values.plainObject("Pass an OpenCode configuration, e.g. { model: 'provider/model' }."),
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
  if (options == null) return {}
  if (!isPlainObject(options))
    throw wrongValue('The options', options, 'an object', 'Pass an object, or nothing.')
  refuseUnknownKeys(options, known, 'the options')
  return oneAddress(values.readAll(OPTIONS, options, (key) => `Option \`${key}\``))
}

/** `serverUrl` is another name of `baseUrl`. */
function oneAddress({ serverUrl, ...settings }) {
  if (serverUrl === undefined) return settings
  const { baseUrl = serverUrl } = settings
  const same = ['url', 'username', 'password'].every((key) => baseUrl[key] === serverUrl[key])
  if (same) return { ...settings, baseUrl }
  const hint = 'They are two names of one option: pass one of them.'
  throw invalid(
    'Options `baseUrl` and `serverUrl`',
    `name two servers, ${baseUrl.url} and ${serverUrl.url}`,
    hint,
  )
}

/** A call's settings over the defaults. `timeouts`, `limits` and `headers` merge key by key. */
function mergeSettings(defaults, own) {
  const merged = { ...defaults, ...own }
  for (const key of ['timeouts', 'limits', 'headers']) {
    if (defaults[key] && own[key]) merged[key] = { ...defaults[key], ...own[key] }
  }
  return merged
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

module.exports = { MODES, OPTIONS, HEALTH_OPTIONS, readOptions, readUsername, mergeSettings }
