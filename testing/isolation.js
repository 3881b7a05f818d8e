'use strict'

const { mkdtempSync, mkdirSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { leftover, removeFolder } = require('./leftovers.js')

const PROVIDER = 'scripted'
const MODEL = 'model'
const TITLE_MODEL = 'title'

// What a program needs to run at all. Everything else stays behind: keys, proxies, OpenCode's own settings.
const KEPT = new Set(
  'PATH LANG LANGUAGE TZ SHELL USER LOGNAME SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT NUMBER_OF_PROCESSORS'.split(
    ' ',
  ),
)

/** The OpenCode configuration that knows the scripted model and no other. */
function openCodeConfig(baseURL, model = {}) {
  const scripted = {
    name: 'Scripted model',
    attachment: true,
    reasoning: true,
    temperature: true,
    tool_call: true,
    modalities: { input: ['text', 'image', 'pdf'], output: ['text'] },
    cost: { input: 0, output: 0 },
    limit: { context: 200_000, output: 32_000 },
    ...model,
  }
  return {
    autoupdate: false,
    share: 'disabled',
    enabled_providers: [PROVIDER],
    model: `${PROVIDER}/${MODEL}`,
    // Without a small model of its own OpenCode sends title requests to a hosted one.
    small_model: `${PROVIDER}/${TITLE_MODEL}`,
    provider: {
      [PROVIDER]: {
        name: 'Scripted',
        npm: '@ai-sdk/openai-compatible',
        options: { baseURL, apiKey: 'scripted' },
        models: { [MODEL]: scripted, [TITLE_MODEL]: { ...scripted, name: 'Scripted titles' } },
      },
    },
  }
}

/** A folder that holds every home OpenCode knows of. */
function isolatedHomes() {
  const root = mkdtempSync(join(tmpdir(), 'opencode-scripted-'))
  const cleared = leftover({ folders: [root] })
  const home = (name) => {
    mkdirSync(join(root, name))
    return join(root, name)
  }
  const env = {
    HOME: home('home'),
    XDG_DATA_HOME: home('data'),
    XDG_CONFIG_HOME: home('config'),
    XDG_STATE_HOME: home('state'),
    XDG_CACHE_HOME: home('cache'),
    TMPDIR: home('tmp'),
    // From 1.2 on an administrator's settings in /etc are read as well.
    OPENCODE_TEST_MANAGED_CONFIG_DIR: home('managed'),
  }
  const windows = { USERPROFILE: env.HOME, APPDATA: env.XDG_CONFIG_HOME, LOCALAPPDATA: env.XDG_DATA_HOME }
  if (process.platform === 'win32') Object.assign(env, windows, { TEMP: env.TMPDIR, TMP: env.TMPDIR })
  const remove = () => {
    removeFolder(root)
    cleared()
  }
  return { env, remove }
}

/** The whole environment of an OpenCode that sees `homes`, the scripted model at `origin`, and nothing else. */
function isolatedEnv(homes, origin, config) {
  return {
    ...inheritedEnv(),
    ...homes.env,
    ...offline(origin),
    OPENCODE_CONFIG_CONTENT: JSON.stringify(config),
  }
}

function inheritedEnv() {
  const kept = ([name]) => KEPT.has(name.toUpperCase()) || name.startsWith('LC_')
  return Object.fromEntries(Object.entries(process.env).filter(kept))
}

function offline(origin) {
  return {
    OPENCODE_DISABLE_AUTOUPDATE: '1',
    OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
    OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
    OPENCODE_DISABLE_MODELS_FETCH: '1',
    OPENCODE_DISABLE_SHARE: '1',
    // Some releases (1.1.31) have no usable model catalogue of their own and fetch one on first use, whatever
    // OPENCODE_DISABLE_MODELS_FETCH says: they get an empty one from the scripted model.
    OPENCODE_MODELS_URL: origin,
    // Anything that still tries to leave the machine arrives at the scripted model, which refuses it.
    HTTP_PROXY: origin,
    HTTPS_PROXY: origin,
    NO_PROXY: '127.0.0.1,localhost,::1',
    http_proxy: origin,
    https_proxy: origin,
    no_proxy: '127.0.0.1,localhost,::1',
  }
}

module.exports = { TITLE_MODEL, openCodeConfig, isolatedHomes, isolatedEnv }
