/** The circles of a graph, `Map(name → Set(name))`: its strongly connected parts of more than one, sorted. (Tarjan) */
export function circlesOf(graph) {
  const numbers = new Map()
  const lowest = new Map()
  const open = []
  const circles = []
  const visit = (node) => {
    numbers.set(node, numbers.size)
    lowest.set(node, numbers.get(node))
    open.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!numbers.has(next)) visit(next)
      if (open.includes(next)) lowest.set(node, Math.min(lowest.get(node), lowest.get(next)))
    }
    if (lowest.get(node) !== numbers.get(node)) return
    const part = open.splice(open.indexOf(node))
    if (part.length > 1) circles.push(part.sort())
  }
  for (const node of graph.keys()) if (!numbers.has(node)) visit(node)
  return circles.sort((a, b) => (a[0] < b[0] ? -1 : 1))
}
