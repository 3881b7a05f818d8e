'use strict'

// `npm run rehearse:release`: publishes this tree to a registry on loopback, by the steps of a release, and installs it
// from there: with each client on this machine, with npm where another platform runs. Each must take the package of its
// platform and no other, and stream a turn. Writes what came of it into docs/platforms.md. With `--quick`, the addons are
// unoptimised, and there are only those that a turn runs on.

const { mkdirSync, mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { prepare: prepareThis } = require('./build.js')
const { thisPlatform } = require('../lib/addon.js')
const { opencodeBinary } = require('../testing')
const { Skip } = require('./platforms/cache.js')
const { mustStart, printed } = require('./platforms/enter.js')
const { hostRoot } = require('./platforms/roots.js')
const { build, buildReleased } = require('./platforms/rust.js')
const { streamedInstalled } = require('./platforms/streamed.js')
const { aligned, plain, rewrite } = require('./platforms/table.js')
const { RUN } = require('./platforms/targets.js')
const { clients, install, project, taken } = require('./rehearsal/clients.js')
const { platformOf, publish } = require('./rehearsal/publish.js')
const { registry } = require('./rehearsal/registry.js')
const { ROOT, announce } = require('./steps.js')

const { napi } = require('../package.json')
const QUICK = process.argv.includes('--quick')
/** Where a package is installed and a turn runs, apart from this machine. */
const ELSEWHERE = ['linux-x64-musl', 'win32-x64']
const INDEX = join('node_modules', 'opencode-stream', 'index.js')

async function main() {
  prepareThis()
  const folder = mkdtempSync(join(tmpdir(), 'opencode-stream-release-'))
  const rows = []
  let server
  try {
    const addons = builtAddons()
    announce('Published to a registry on loopback')
    server = await registry(folder)
    publish(folder, server, addons)
    for (const client of await clients()) rows.push(await onThisMachine(client, folder, server.url))
    for (const name of ['linux-x64-musl', 'win32-x64'])
      rows.push(await elsewhere(RUN[name], addons, server.url))
  } finally {
    server?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  rewrite(join(ROOT, 'docs', 'platforms.md'), 'rehearsal', () => table(rows))
  process.exitCode = rows.some(({ wrong }) => wrong) ? 1 : 0
}

/** By target of the release. What cannot be built here is left out, and said. */
function builtAddons() {
  const targetOf = (platform) => napi.targets.find((target) => platformOf(target) === platform)
  const addons = {
    [targetOf(thisPlatform())]: join(ROOT, `${napi.binaryName}.${thisPlatform()}.node`),
  }
  for (const name of QUICK ? ELSEWHERE : Object.keys(RUN)) {
    const { target, env, addon } = RUN[name]
    announce(`The addon for ${addon}`)
    try {
      // What the release workflow uses for the others cannot be had here.
      const file = target.endsWith('-musl') && !QUICK ? buildReleased(target) : build(target, env())
      if (file) addons[targetOf(addon)] = file
    } catch (error) {
      if (!(error instanceof Skip)) throw error
      console.log(`SKIPPED, a placeholder instead: ${error.message}`)
    }
  }
  return addons
}

async function onThisMachine(client, folder, url) {
  announce(`${client[0]}, on this machine`)
  const place = { ...hostRoot(), executable: await opencodeBinary() }
  const at = project(join(folder, `with ${client[0]}`), url)
  const [name, , , readsLibc = true] = client
  // A client that does not takes those for both, and the loader chooses.
  const system = thisPlatform().split('-').slice(0, 2).join('-')
  const right = readsLibc
    ? [thisPlatform()]
    : napi.targets.map(platformOf).filter((each) => each.startsWith(system))
  return row(`this machine, ${thisPlatform()}`, name, right, async () => {
    install(client, at)
    return { taken: taken(at), ...(await streamedInstalled(place, join(at, INDEX), 'private')) }
  })
}

/** npm as the root has it, on the Node of the root. */
async function elsewhere({ target, addon, makeRoot, emulator }, addons, url) {
  announce(`npm, ${emulator}`)
  return row(`${emulator}, ${addon}`, 'npm', [addon], async () => {
    if (!addons[napi.targets.find((each) => platformOf(each) === addon)])
      throw new Skip(`not built: ${target}`)
    const place = makeRoot()
    mustStart(place)
    mkdirSync(join(place.root, 'tmp'), { recursive: true })
    const at = project(mkdtempSync(join(place.root, 'tmp/release-')), url)
    try {
      const inside = at.slice(place.root.length)
      const flags = ['--prefix', place.inside(inside), '--cache', place.inside(`${inside}/cache`)]
      const words = ['install', '--no-audit', '--no-fund', '--registry', url, ...flags, 'opencode-stream']
      printed(place, [...place.node, place.npm, ...words])
      const index = place.inside(`${inside}/${INDEX}`)
      return { taken: taken(at), ...(await streamedInstalled(place, index, 'private')) }
    } finally {
      rmSync(at, { recursive: true, force: true, maxRetries: 5 })
    }
  })
}

/** One line of the table: `wrong` if anything but `wanted` was taken, or no turn streamed. */
async function row(where, client, wanted, tried) {
  const date = new Date().toISOString().slice(0, 10)
  try {
    const { taken, private: turn } = await tried()
    const right = taken.join() === wanted.toSorted().join()
    const came = {
      where,
      client,
      taken: taken.join(', ') || 'none',
      turn: turn === true ? 'yes' : turn,
      date,
    }
    console.log(JSON.stringify(came))
    return { ...came, wrong: !right || turn !== true }
  } catch (error) {
    const skipped = error instanceof Skip
    console.log(`${skipped ? 'SKIPPED' : 'FAILED'}: ${error.message}`)
    const why = `${skipped ? 'skipped' : 'failed'}: ${plain(error.message)}`
    return { where, client, taken: why, turn: '–', date, wrong: !skipped }
  }
}

function table(rows) {
  const head = ['where', 'client', 'platform packages taken', 'a turn streams', 'date']
  return aligned(
    head,
    rows.map(({ where, client, taken, turn, date }) => [where, client, taken, plain(turn), date]),
  )
}

main()
