/** Whether a `cfg` predicate, given as tokens, holds in test builds at most. */
export function isNeverTrue(tokens) {
  return valueWithoutTests(tokens) === false
}

/** Without tests: true, false, or undefined where it depends on the build. */
function valueWithoutTests(tokens) {
  const [{ text: name } = {}, open] = tokens
  if (open?.text !== '(') return name === 'test' && tokens.length === 1 ? false : undefined
  const values = split(tokens.slice(2, -1)).map(valueWithoutTests)
  if (name === 'not') return values[0] === undefined ? undefined : !values[0]
  if (name === 'all') return values.includes(false) ? false : values.every((value) => value) || undefined
  if (name === 'any')
    return values.includes(true) || (values.every((value) => value === false) ? false : undefined)
  return undefined
}

function split(tokens) {
  const parts = [[]]
  let depth = 0
  for (const token of tokens) {
    if (token.text === '(') depth += 1
    if (token.text === ')') depth -= 1
    if (token.text === ',' && depth === 0) parts.push([])
    else parts.at(-1).push(token)
  }
  return parts.filter((part) => part.length > 0)
}
