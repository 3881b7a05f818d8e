'use strict'

// Runs turns in the root of another platform, against the scripted model on this machine, and kills its Node in the
// middle of a tool to see what is left.

const { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } =
  require('node:fs')
const { randomUUID } = require('node:crypto')
const { join } = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { ROOT } = require('../steps.js')
const { scriptedModel, text, toolCall } = require('../../testing')
const { enter } = require('./roots.js')

const ROUTES = ['server', 'private', 'acp', 'run']
/** What a platform's Node needs of the package. */
const FILES = ['index.js', 'binding.js', 'package.json', 'lib']
const MINUTE = 60_000

/** { loaded, node, server, private, acp, run, ends }: each `true`, or what went wrong. */
async function streamed(
  { root, node, executable, inside, tool, env = {} },
  addon,
  addonName,
  routes = ROUTES,
) {
  const place = install(root, addon, addonName)
  const model = await scriptedModel()
  const mark = `platforms-${randomUUID()}`
  model.when('Count', text(['one ', 'two ', 'three'], { pace: 500 }))
  model.when('wait', toolCall('bash', { command: tool, description: 'wait' }))
  const folder = (name) => {
    mkdirSync(join(root, place, name), { recursive: true })
    return inside(`${place}/${name}`)
  }
  const job = {
    index: inside(`${place}/index.js`),
    executable,
    directory: folder('project'),
    results: inside(`${place}/results`),
    routes,
    env: { ...model.env, ...homes(folder), MARK: mark },
  }
  delete job.env.PATH
  const start = (more) => {
    writeFileSync(join(root, place, 'results'), '')
    writeFileSync(join(root, place, 'job.json'), JSON.stringify({ ...job, ...more }))
    const words = [...node, inside(`${place}/turns.cjs`), inside(`${place}/job.json`)]
    return enter(root, words, { ...env, MARK: mark })
  }
  try {
    const said = await told(start({}), join(root, place, 'results'), ({ done }) => done)
    return {
      ...outcome(said, routes),
      ends: await ends(start({ ends: true }), join(root, place, 'results'), mark),
    }
  } finally {
    killAll(mark)
    await model.close()
    rmSync(join(root, place), { recursive: true, force: true })
  }
}

function install(root, addon, name) {
  mkdirSync(join(root, 'tmp'), { recursive: true })
  const place = mkdtempSync(join(root, 'tmp/package-'))
  for (const file of FILES) cpSync(join(ROOT, file), join(place, file), { recursive: true })
  cpSync(addon, join(place, `opencode-stream.${name}.node`))
  cpSync(join(__dirname, 'turns.cjs'), join(place, 'turns.cjs'))
  return place.slice(root.length)
}

function homes(folder) {
  const names = { HOME: 'home', XDG_DATA_HOME: 'data', XDG_CONFIG_HOME: 'config', XDG_STATE_HOME: 'state' }
  const more = { XDG_CACHE_HOME: 'cache', TMPDIR: 'tmp', OPENCODE_TEST_MANAGED_CONFIG_DIR: 'managed' }
  const windows = { USERPROFILE: 'home', APPDATA: 'config', LOCALAPPDATA: 'data', TEMP: 'tmp', TMP: 'tmp' }
  const all = Object.entries({ ...names, ...more, ...windows })
  return Object.fromEntries(all.map(([name, place]) => [name, folder(place)]))
}

/** The lines of the results, once one is as wanted, or the process is gone, or time is up. */
async function told(child, results, wanted) {
  let gone = false
  child.once('exit', () => {
    gone = true
  })
  const until = Date.now() + 15 * MINUTE
  for (;;) {
    const last = gone || Date.now() > until
    const lines = existsSync(results) ? readFileSync(results, 'utf8').split('\n').filter(Boolean) : []
    const said = lines.map((line) => JSON.parse(line))
    if (last || said.some(wanted)) return said
    await sleep(100)
  }
}

function outcome(said, routes) {
  const loaded = said.find(({ loaded }) => loaded)
  const failed = said.find(({ error, route }) => error && !route)?.error
  const came = (route) => {
    const result = said.find((each) => each.route === route)
    if (!result) return failed ?? 'did not come to it'
    if (!result.right) return result.error ?? 'not the right answer'
    // `run` prints a part when it is complete.
    return route === 'run' || result.deltas > 1 ? true : 'a single delta'
  }
  return {
    loaded: loaded ? true : (failed ?? 'did not start'),
    node: loaded?.node,
    said,
    ...Object.fromEntries(routes.map((route) => [route, came(route)])),
  }
}

/** Kills Node when a tool runs. Nothing of what it started may be left. */
async function ends(child, results, mark) {
  const said = await told(child, results, ({ toolRuns, done }) => toolRuns || done)
  if (!said.some(({ toolRuns }) => toolRuns)) return `no tool ran: ${said.at(-1)?.error ?? 'no word of it'}`
  // OpenCode says so a moment before it is true.
  const started = () =>
    marked(mark).filter(({ line }) => /opencode\S* serve|sleep 1000|setInterval/.test(line))
  for (let tries = 0; tries < 300 && started().length < 2; tries++) await sleep(100)
  const before = started()
  if (before.length === 0) return 'nothing was to be seen'
  for (const { pid, line } of marked(mark)) if (line.includes('turns.cjs')) process.kill(pid, 'SIGKILL')
  for (let tries = 0; tries < 300 && started().length > 0; tries++) await sleep(100)
  const left = started()
  if (left.length > 0) return `left: ${left.map(({ line }) => line.slice(0, 60)).join(', ')}`
  return before.length > 1 ? true : 'OpenCode itself; no tool was to be seen'
}

function marked(mark) {
  const read = (file) => {
    try {
      return readFileSync(file, 'utf8').replaceAll('\0', ' ')
    } catch {
      return ''
    }
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/environ`).includes(mark))
    .map((name) => ({ pid: Number(name), line: read(`/proc/${name}/cmdline`) }))
}

function killAll(mark) {
  for (const { pid } of marked(mark)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Gone in the meantime.
    }
  }
}

module.exports = { streamed, ROUTES }
