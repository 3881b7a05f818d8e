'use strict'

// Runs turns in the root of another platform, against the scripted model on this machine.

const { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { randomUUID } = require('node:crypto')
const { join, relative } = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { ROOT } = require('../steps.js')
const { lockstep, scriptedModel, text, toolCall } = require('../../testing')
const { enter } = require('./enter.js')
const { ended, killMarked } = require('./endings.js')

const ROUTES = ['server', 'private', 'acp', 'run']
/** How Node comes to its end while a tool of OpenCode runs. */
const ENDINGS = ['kill', 'exit', 'close']
/** What a platform's Node needs of the package. */
const FILES = ['index.js', 'binding.js', 'package.json', 'lib']
const TOKENS = ['one ', 'two ', 'three']
const MINUTE = 60_000

/**
 * Returns { loaded, node, server, private, acp, run, ends }: each `true`, or what went wrong. `place` is a root of
 * roots.js, `addon` a file and `name` how the package calls it.
 */
async function streamed(place, { file, name }, { routes = ROUTES, endings = endingsIn(place) } = {}) {
  return inRoot(place, async (folder, start) => {
    const inside = `/${relative(place.root, folder)}`
    for (const each of FILES) cpSync(join(ROOT, each), join(folder, each), { recursive: true })
    cpSync(file, join(folder, `opencode-stream.${name}.node`))
    const index = place.inside(`${inside}/index.js`)
    const said = await start({ index, routes }).told(({ done }) => done)
    const ends = []
    for (const how of endings) ends.push([how, await ended(start({ index, ends: how }), how)])
    return { ...outcome(said, routes), ...(endings.length > 0 && { ends: summary(ends) }) }
  })
}

/** Emulated, each start of OpenCode takes minutes: there it is the one that leaves us no time to do anything. */
const endingsIn = ({ emulator }) => (emulator ? ['kill'] : ENDINGS)

/** As `streamed`, for a package that is installed in the root already: one turn on one route. */
async function streamedInstalled(place, index, route) {
  return inRoot(place, async (_, start) => {
    const said = await start({ index, routes: [route] }).told(({ done }) => done)
    return outcome(said, [route])
  })
}

/** Gives `use` a folder in the root, and a function that starts `turns.cjs` there with a job. */
async function inRoot(place, use) {
  mkdirSync(join(place.root, 'tmp'), { recursive: true })
  const folder = mkdtempSync(join(place.root, 'tmp/package-'))
  const inside = `/${relative(place.root, folder)}`
  const mark = `platforms-${randomUUID()}`
  const model = await scriptedModel()
  // The next token leaves when the one before was seen there. `run` prints no token before the last.
  const gate = lockstep()
  model.when('Count', text(TOKENS, { gate }))
  model.when('Name', text(TOKENS))
  model.when('wait', toolCall('bash', { command: place.tool ?? 'sleep 1000', description: 'wait' }))
  cpSync(join(__dirname, 'turns.cjs'), join(folder, 'turns.cjs'))
  const made = (name) => {
    mkdirSync(join(folder, name), { recursive: true })
    return place.inside(`${inside}/${name}`)
  }
  const { PATH: _, ...modelEnv } = model.env
  const job = {
    executable: place.executable,
    directory: made('project'),
    results: place.inside(`${inside}/results`),
    go: place.inside(`${inside}/go`),
    env: { ...modelEnv, ...homes(made), ...place.opencodeEnv, MARK: mark },
  }
  const start = (more) => {
    const results = join(folder, 'results')
    rmSync(join(folder, 'go'), { force: true })
    writeFileSync(results, '')
    writeFileSync(join(folder, 'job.json'), JSON.stringify({ ...job, ...more }))
    const words = [...place.node, place.inside(`${inside}/turns.cjs`), place.inside(`${inside}/job.json`)]
    const child = enter(place, words, { MARK: mark }, join(folder, 'output'))
    return {
      told: (wanted) => told(child, results, join(folder, 'output'), wanted, gate, place.emulator ? 60 : 15),
      go: () => writeFileSync(join(folder, 'go'), ''),
      mark,
    }
  }
  try {
    return await use(folder, start)
  } finally {
    killMarked(mark)
    await model.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

function homes(folder) {
  const names = { HOME: 'home', XDG_DATA_HOME: 'data', XDG_CONFIG_HOME: 'config', XDG_STATE_HOME: 'state' }
  const more = { XDG_CACHE_HOME: 'cache', TMPDIR: 'tmp', OPENCODE_TEST_MANAGED_CONFIG_DIR: 'managed' }
  const windows = { USERPROFILE: 'home', APPDATA: 'config', LOCALAPPDATA: 'data', TEMP: 'tmp', TMP: 'tmp' }
  const all = Object.entries({ ...names, ...more, ...windows })
  return Object.fromEntries(all.map(([name, place]) => [name, folder(place)]))
}

/** The lines of the results, once one is as wanted, or the process is gone, or time is up. */
async function told(child, results, output, wanted, gate, minutes) {
  let gone = false
  child.once('exit', () => {
    gone = true
  })
  child.once('error', () => {
    gone = true
  })
  const until = Date.now() + minutes * MINUTE
  let seen = 0
  for (;;) {
    const last = gone || Date.now() > until
    // The last line may be half written.
    const lines = readFileSync(results, 'utf8').split('\n').slice(0, -1)
    const said = lines.map((line) => JSON.parse(line))
    const deltas = said.filter(({ delta }) => delta).length
    for (; seen < deltas; seen++) gate.seen()
    if (said.some(wanted)) return said
    if (last) return [...said, { error: lastLine(output) }]
    await sleep(100)
  }
}

function lastLine(file) {
  const said = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
  return said.split('\n').at(-1) || 'it ended without a word'
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

/** One word for all endings that are as they should be, else which one was not. */
function summary(ends) {
  const wrong = ends.filter(([, came]) => came !== true)
  return wrong.length === 0 ? true : wrong.map(([how, came]) => `${how}: ${came}`).join('; ')
}

module.exports = { streamed, streamedInstalled, ROUTES, ENDINGS }
