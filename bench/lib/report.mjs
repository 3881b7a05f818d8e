// Tables in Markdown, everything in JSON, a plot for each scenario.

import fs from 'node:fs'
import path from 'node:path'
import { barChart } from './bar-chart.mjs'

/** A run of some scenarios leaves the results of the others as they were. */
export function writeReport(folder, { machine, results, isWhole }) {
  fs.mkdirSync(folder, { recursive: true })
  const file = path.join(folder, 'results.json')
  const known = !isWhole && fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')).results : {}
  const all = { ...known, ...stamped(results, machine) }
  fs.writeFileSync(file, `${JSON.stringify({ results: all }, null, 2)}\n`)
  for (const [name, result] of Object.entries(all)) {
    fs.writeFileSync(path.join(folder, `${name}.svg`), barChart(result))
  }
  fs.writeFileSync(path.join(folder, 'README.md'), page(all))
}

function stamped(results, machine) {
  return Object.fromEntries(Object.entries(results).map(([name, result]) => [name, { ...result, machine }]))
}

function page(results) {
  const sections = Object.entries(results).map(([name, result]) => section(name, result))
  return `# Benchmarks

Written by \`npm run bench\`; what is measured, and how, is told in [bench/README.md](../../bench/README.md).
Medians, with the least and the most of all rounds in brackets. Compare rows of one table, never rows of two.

${sections.join('\n')}`
}

function section(name, { title, columns, rows, machine }) {
  const names = Object.keys(columns)
  const line = (cells) => `| ${cells.join(' | ')} |`
  const cell = ({ median, least, most }) =>
    median == null ? '' : least === most ? short(median) : `${short(median)} (${short(least)}–${short(most)})`
  return `## ${title}

${line(['', ...Object.values(columns)])}
${line(['---', ...names.map(() => '---:')])}
${rows.map((row) => line([row.title, ...names.map((name) => cell(row.figures[name]))])).join('\n')}

![](${name}.svg)

${rows[0].rounds} rounds; \`npm run bench ${name}\`; ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGB} GB, ${machine.system}, Node ${machine.node}, ${machine.rustc}, ${machine.date}.
`
}

function short(value) {
  if (value == null) return ''
  return value >= 1000
    ? Math.round(value).toLocaleString('en').replaceAll(',', ' ')
    : String(Number(value.toPrecision(3)))
}
