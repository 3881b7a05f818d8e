'use strict'

// `npm run fuzz -- --seconds 600`: each fuzz target for so long, or those that are named, seeded from the
// captures. Needs cargo-fuzz (`cargo install cargo-fuzz`); no nightly toolchain, since no sanitizer is used: the
// core has no unsafe code for one to look at.

const fs = require('node:fs')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { ROOT, announce, run, isInstalled } = require('./steps.js')

const TARGETS = ['framing', 'dialect', 'transcript', 'turn', 'shapes', 'crowd', 'execution']
const CORPUS = path.join(ROOT, 'fuzz', 'corpus')

function main() {
  const { values, positionals } = parseArgs({
    options: { seconds: { type: 'string', default: '600' } },
    allowPositionals: true,
  })
  if (!isInstalled('cargo-fuzz')) {
    console.error(
      'FAILED: there is no cargo-fuzz. Install it with `cargo install cargo-fuzz`, and try again.',
    )
    process.exit(1)
  }
  seed()
  for (const target of positionals.length > 0 ? positionals : TARGETS) {
    announce(`fuzz ${target}, ${values.seconds} s`)
    const limits = [
      `-max_total_time=${values.seconds}`,
      '-max_len=16384',
      '-timeout=20',
      '-rss_limit_mb=2048',
    ]
    run('cargo', 'fuzz', 'run', '--sanitizer', 'none', target, '--', ...limits, '-print_final_stats=1')
  }
}

/** What each target begins with: the captures, in the form it takes. */
function seed() {
  const captures = path.join(ROOT, '__test__', 'fixtures')
  const files = fs.readdirSync(captures, { recursive: true }).filter((name) => name.endsWith('.sse'))
  for (const name of files) {
    const wire = fs.readFileSync(path.join(captures, name))
    const id = name.replaceAll(path.sep, '-')
    write('framing', id, Buffer.concat([Buffer.from([7, 255]), wire.subarray(0, 4096)]))
    const turn = name.startsWith('2.') ? 'execution' : 'turn'
    write(turn, id, Buffer.concat([Buffer.from([9, 9, 1]), wire.subarray(0, 16_000)]))
    const records = wire.toString('utf8').split('\n\n')
    records.forEach((record) => {
      const data = record.replace(/^data: /, '')
      const type = /"type":"([^"]+)"/.exec(data)?.[1]
      // One of each type is as good as all.
      if (type) write('dialect', `${id.split('-')[0]}-${type}`, Buffer.from(data))
    })
  }
  for (let place = 0; place < 10; place++) {
    for (const what of [0, 2, 4, 8, 12, 14]) {
      write('shapes', `${place}-${what}`, Buffer.from([place, what, 8, 1, 9, 0, 15, 2, 15]))
    }
  }
  write('crowd', 'one', Buffer.from(Array.from({ length: 64 }, (_, at) => (at * 37) & 255)))
  write('transcript', 'one', Buffer.from('0\x00\x80\x01\x81\x0c\x02\x0f\x8d\x0e\x06\xfa', 'latin1'))
}

function write(target, name, bytes) {
  const folder = path.join(CORPUS, target)
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, name), bytes)
}

main()
