'use strict'

// `npm run verify:versions -- 1.1.31 1.18.33`: runs the suites that go over releases against the real OpenCode,
// fetched through npm, one release after the other, and writes what came of it into docs/streaming-status.md.
// Without arguments: all releases that are verified.

const { spawnSync } = require('node:child_process')
const { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { prepare } = require('./build.js')
const { ROOT, announce } = require('./steps.js')

const RELEASES = [
  ...['1.0.142', '1.0.185', '1.1.11', '1.1.31', '1.1.34', '1.1.65', '1.2.1', '1.2.27'],
  ...['1.3.2', '1.14.34', '1.14.48', '1.15.13', '1.17.0', '1.17.18', '1.18.33'],
  '2.0.15',
]
const SUITES = ['__test__/versions', '__test__/contract']
const PAGE = join(ROOT, 'docs', 'streaming-status.md')
const [BEGIN, END] = ['<!-- versions: begin -->', '<!-- versions: end -->']

function main(releases) {
  const wrong = releases.find((release) => !/^\d+\.\d+\.\d+$/.test(release))
  if (wrong) {
    console.error(`FAILED: '${wrong}' is no release, as in: npm run verify:versions -- 1.1.31 1.18.33`)
    process.exit(2)
  }
  prepare()
  const rows = known()
  for (const release of releases.length > 0 ? releases : RELEASES) {
    announce(`OpenCode ${release}`)
    rows.set(release, verify(release))
    // After each, so that what was found is not lost with a run that is stopped.
    write(rows)
  }
  process.exitCode = [...rows.values()].some(({ failed }) => failed.length > 0) ? 1 : 0
}

function verify(release) {
  const folder = mkdtempSync(join(tmpdir(), 'opencode-verify-'))
  const report = join(folder, 'report.json')
  const suites = SUITES.filter((suite) => existsSync(join(ROOT, suite)))
  const flags = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  spawnSync('npx', ['vitest', 'run', ...suites, ...flags], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, OPENCODE_STREAM_CONTRACT_VERSIONS: release },
    shell: process.platform === 'win32',
  })
  try {
    return outcome(JSON.parse(readFileSync(report, 'utf8')))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What passed, what did not, and what a release has not: that is skipped. */
function outcome({ testResults }) {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  const titles = (status) => tests.filter((test) => test.status === status).map(({ title }) => title)
  const lost = testResults.filter(
    ({ assertionResults, status }) => status === 'failed' && !assertionResults.length,
  )
  return {
    passed: titles('passed').length,
    failed: [...titles('failed'), ...lost.map(() => 'a suite that did not start')],
    cannot: tests.filter(({ status }) => status === 'passed').flatMap(refused),
    skipped: [...titles('skipped'), ...titles('pending')],
  }
}

/** What a route of the release cannot do, where a test says so. */
function refused({ title, ancestorTitles }) {
  const what = /^cannot (.*), and says so$/.exec(title)?.[1]
  const route = ancestorTitles.join(' ').match(/(\w+) of OpenCode/)?.[1]
  return what ? [`${route}: ${what}`] : []
}

/** The rows the page has: a run of a few releases leaves the others as they are. */
function known() {
  const rows = new Map()
  for (const line of parts().table.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim())
    if (!/^\d+\.\d+\.\d+$/.test(cells[1] ?? '')) continue
    const list = (cell) => (cell === '' ? [] : cell.split('; '))
    rows.set(cells[1], {
      passed: Number(cells[2]),
      failed: list(cells[3]),
      cannot: list(cells[4]),
      skipped: list(cells[5]),
    })
  }
  return rows
}

/** The page around the table, and the table. */
function parts() {
  const page = readFileSync(PAGE, 'utf8')
  const [begin, end] = [page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)]
  if (begin < BEGIN.length || end < begin) throw new Error(`${PAGE} has no place for the table`)
  return { before: page.slice(0, begin), table: page.slice(begin, end), after: page.slice(end) }
}

function write(rows) {
  const sorted = [...rows].sort(([one], [other]) => one.localeCompare(other, 'en', { numeric: true }))
  const cells = [
    ['OpenCode', 'passed', 'failed', 'cannot, and says so', 'does not apply'],
    ...sorted.map(([release, { passed, failed, cannot, skipped }]) => [
      release,
      String(passed),
      failed.join('; '),
      cannot.join('; '),
      [...new Set(skipped)].join('; '),
    ]),
  ]
  // As the formatter would have it.
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  const line = (row, fill = ' ') => `| ${row.map((cell, at) => cell.padEnd(widths[at], fill)).join(' | ')} |`
  const [head, ...body] = cells
  const rule = Array(head.length).fill('')
  const table = [line(head), line(rule, '-'), ...body.map((row) => line(row))]
  const { before, after } = parts()
  writeFileSync(PAGE, `${before}\n\n${table.join('\n')}\n\n${after}`)
}

main(process.argv.slice(2))
