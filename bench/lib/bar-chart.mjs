// One scenario as bars: its first figure, the median as the bar, all rounds as a line over it.

const WIDTH = 760
const LABELS = 270
const ROW = 30

export function barChart({ title, columns, rows }) {
  const [[name, unit]] = Object.entries(columns)
  const most = Math.max(...rows.map((row) => row.figures[name].most ?? 0), 1e-9)
  const x = (value) => LABELS + (value / most) * (WIDTH - LABELS - 110)
  const bars = rows.map((row, at) => bar(row, row.figures[name], 50 + at * ROW, x))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${60 + rows.length * ROW}" font-family="sans-serif" font-size="13" role="img">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="10" y="20" font-weight="bold">${escaped(title)}</text>
<text x="10" y="38" fill="#666">${escaped(unit)}</text>
${bars.join('\n')}
</svg>
`
}

function bar({ contender, title }, { median = 0, least = 0, most = 0 }, y, x) {
  const colour = contender.startsWith('ours') ? '#2563eb' : '#9ca3af'
  const value = Number(median?.toPrecision(3)).toLocaleString('en')
  return `<text x="${LABELS - 8}" y="${y + 16}" text-anchor="end">${escaped(title)}</text>
<rect x="${LABELS}" y="${y + 2}" width="${Math.max(1, x(median) - LABELS).toFixed(1)}" height="20" fill="${colour}"/>
<line x1="${x(least).toFixed(1)}" x2="${x(most).toFixed(1)}" y1="${y + 12}" y2="${y + 12}" stroke="#111"/>
<text x="${(x(most) + 6).toFixed(1)}" y="${y + 17}">${value}</text>`
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
