import { circlesOf } from './circles.mjs'
import { CRATES, ROOMS, roomOf } from './rooms.mjs'

/**
 * What in a graph is against the rooms: `circles` of files; `arrows`, the rooms that a file uses and may not; `crates`
 * that a file names and may not; and files that are in no room. `today`: rooms of files that do not stand in theirs yet.
 */
export function violationsOf(graph, today) {
  const arrows = {}
  const crates = {}
  for (const [file, uses] of graph) {
    const wrong = roomsUsed(uses.files, today).filter((room) => !mayUse(roomOf(file, today), room))
    if (wrong.length > 0) arrows[file] = wrong
    const named = [...(uses.crates ?? [])].filter((crate) => !mayName(file, crate)).sort()
    if (named.length > 0) crates[file] = named
  }
  return {
    circles: circlesOf(new Map([...graph].map(([file, { files }]) => [file, files]))),
    arrows: sorted(arrows),
    crates: sorted(crates),
    homeless: [...graph.keys()].filter((file) => roomOf(file, today) === undefined).sort(),
  }
}

function roomsUsed(files, today) {
  return [...new Set([...files].map((file) => roomOf(file, today)))].sort()
}

function mayUse(room, other) {
  return room === other || ROOMS[room]?.uses.includes(other)
}

function mayName(file, crate) {
  return !(crate in CRATES) || CRATES[crate].some((place) => file.startsWith(place))
}

function sorted(object) {
  return Object.fromEntries(Object.entries(object).sort(([one], [other]) => (one < other ? -1 : 1)))
}
