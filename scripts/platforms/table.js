'use strict'

// The table of docs/platforms.md: a row for each platform, written as the formatter would have it.

const { ROUTES } = require('./streamed.js')

const HEAD = ['platform', 'compiles', 'links', 'loads', ...ROUTES, 'ends', 'with', 'date']

/** The rows that were there, with those of this run in their places. */
function table(before, rows) {
  const known = new Map(
    before
      .split('\n')
      .map((line) =>
        line
          .split('|')
          .map((cell) => cell.trim())
          .slice(1, -1),
      )
      .filter(([name]) => /^(linux|darwin|win32)-/.test(name ?? ''))
      .map((cells) => [cells[0], cells]),
  )
  for (const [name, row] of rows) known.set(name, cells(name, row))
  const all = [HEAD, ...[...known.values()].sort(([one], [other]) => (one < other ? -1 : 1))]
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column].length)))
  const line = (row, fill = ' ') => `| ${row.map((cell, at) => cell.padEnd(widths[at], fill)).join(' | ')} |`
  const [head, ...body] = all
  return [line(head), line(Array(HEAD.length).fill(''), '-'), ...body.map((row) => line(row))].join('\n')
}

function cells(name, row) {
  if (row.skipped) return [name, ...Array(HEAD.length - 3).fill('skipped'), plain(row.skipped), '–']
  const shown = (value) => (value === true ? 'yes' : value === undefined ? '–' : plain(value))
  const versions = [row.opencode && `OpenCode ${row.opencode}`, row.node && `Node ${row.node}`]
  const reason = row.notRun && `not run: ${row.notRun}`
  const what = [row.target, row.emulator, ...versions, reason].filter(Boolean).join(', ')
  const compiles = row.checked ?? row.built
  return [
    name,
    ...[compiles, row.built, row.loaded, ...ROUTES.map((route) => row[route]), row.ends].map(shown),
    plain(what),
    row.date,
  ]
}

const plain = (text) => String(text).replaceAll('|', '/').replace(/\s+/g, ' ').slice(0, 160)

module.exports = { table }
