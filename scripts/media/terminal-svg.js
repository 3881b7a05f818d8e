'use strict'

const { fromNpm } = require('../../testing/npm-package.js')

// Not a dev dependency: a terminal without a screen, for this script alone.
const TERMINAL = '@xterm/headless@5.5.0'

/** A screen of the recording lasts this long at least, and the last one this much longer, in milliseconds. */
const FRAME = 60
const LAST = 5_000

const CELL = { width: 8.4, height: 19 }
const PADDING = 16
const STYLE = `
  text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #d6d9e4; white-space: pre; }
  .dim { fill: #868ca3; }`

/** The recording as a film: an SVG that shows one screen after the other, with nothing but CSS. */
async function terminalSvg({ columns, rows, chunks }) {
  const screens = await screensOf({ columns, rows, chunks })
  const duration = screens.at(-1).at + LAST
  const lines = new Map()
  const film = screens.map(({ screen }, index) => {
    const shown = screen.flatMap((line, row) => (line === '' ? [] : [use(lines, line, row)]))
    return `<g transform="translate(0 ${index * 1000})">${shown.join('')}</g>`
  })
  const steps = screens.map(
    ({ at }, index) => `${((at / duration) * 100).toFixed(2)}% { transform: translateY(${-index * 1000}px) }`,
  )
  const [width, height] = [columns * CELL.width + 2 * PADDING, rows * CELL.height + 2 * PADDING].map(
    Math.ceil,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<title>opencode-stream in a terminal</title>
<style>${STYLE}
  #film { animation: film ${Math.round(duration)}ms step-end infinite; }
  @keyframes film { ${steps.join(' ')} }
</style>
<defs>
${[...lines].map(([line, id]) => `<text id="${id}">${line}</text>`).join('\n')}
</defs>
<rect width="100%" height="100%" rx="10" fill="#1a1c25"/>
<svg x="${PADDING}" y="${PADDING}" width="${width - PADDING}" height="${height - 2 * PADDING}"><g id="film">
${film.join('\n')}
</g></svg>
</svg>
`
}

/** A line is drawn once, however many screens it is on. */
function use(lines, line, row) {
  if (!lines.has(line)) lines.set(line, `l${lines.size}`)
  return `<use href="#${lines.get(line)}" y="${(row + 0.75) * CELL.height}"/>`
}

/** What a terminal shows after each chunk, leaving out what shows nothing new, or not for long enough. */
async function screensOf({ columns, rows, chunks }) {
  const { Terminal } = require(await fromNpm([TERMINAL], '@xterm/headless/lib-headless/xterm-headless.js'))
  const terminal = new Terminal({ cols: columns, rows, allowProposedApi: true })
  const screens = []
  for (const [index, { at, text }] of chunks.entries()) {
    await new Promise((resolve) => terminal.write(text, resolve))
    const next = chunks[index + 1]
    const since = screens.at(-1)?.at ?? -FRAME
    if (next && next.at - since < FRAME) continue
    const screen = linesOf(terminal, rows)
    if (screen.join('\n') !== screens.at(-1)?.screen.join('\n')) screens.push({ at, screen })
  }
  const [{ at: start }] = screens
  return screens.map(({ at, screen }) => ({ at: at - start, screen }))
}

function linesOf(terminal, rows) {
  const { active } = terminal.buffer
  return Array.from({ length: rows }, (_, row) => lineOf(active.getLine(active.baseY + row)))
}

/** Of all styles the command uses but one. */
function lineOf(line) {
  let marked = ''
  let isDim = false
  const length = line.translateToString(true).length
  for (let column = 0; column < length; column++) {
    const cell = line.getCell(column)
    const dims = Boolean(cell.isDim())
    if (dims !== isDim) marked += dims ? '<tspan class="dim">' : '</tspan>'
    isDim = dims
    marked += escaped(cell.getChars() || ' ')
  }
  return isDim ? `${marked}</tspan>` : marked
}

function escaped(text) {
  return text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`)
}

module.exports = { terminalSvg }
