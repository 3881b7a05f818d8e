/** Whether `version` is `other` or newer. */
export function atLeast(version, other) {
  const [one, two] = [version, other].map((release) => release.split('.').map(Number))
  const differing = one.findIndex((number, place) => number !== two[place])
  return differing < 0 || one[differing] > two[differing]
}
