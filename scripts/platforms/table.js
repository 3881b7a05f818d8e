'use strict'

// The tables of docs/platforms.md, written as the formatter would have them.

const { readFileSync, writeFileSync } = require('node:fs')
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
  return aligned(
    HEAD,
    [...known.values()].sort(([one], [other]) => (one < other ? -1 : 1)),
  )
}

function aligned(head, body) {
  const widths = head.map((_, column) => Math.max(...[head, ...body].map((row) => row[column].length)))
  const line = (row, fill = ' ') => `| ${row.map((cell, at) => cell.padEnd(widths[at], fill)).join(' | ')} |`
  return [line(head), line(Array(head.length).fill(''), '-'), ...body.map((row) => line(row))].join('\n')
}

/** Replaces what stands between two comments of a page with what `make` makes of it. */
function rewrite(page, name, make) {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`]
  const text = readFileSync(page, 'utf8')
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)]
  if (from < begin.length || to < from) throw new Error(`${page} has no place for the table '${name}'`)
  writeFileSync(page, `${text.slice(0, from)}\n\n${make(text.slice(from, to))}\n\n${text.slice(to)}`)
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

module.exports = { table, aligned, rewrite, plain }
