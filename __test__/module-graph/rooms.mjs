// The rooms of the house and who may use whom: docs/design.md in a form that can be tested. A file belongs to the room
// with the longest prefix of its path. What a room may use is listed in full; a room always may use itself.

/** What OpenCode means, in one vocabulary: pure, and known to nearly everyone. */
const WORDS = ['error', 'words']

export const ROOMS = {
  // Rust, from the bottom up.
  error: { at: ['src/error.rs'], uses: [] },
  pause: { at: ['src/yield_rounds.rs'], uses: [] },
  framing: { at: ['src/framing/'], uses: [] },
  words: { at: ['src/protocol/'], uses: ['error'] },
  dialect: { at: ['src/protocol/dialect/'], uses: [...WORDS, 'v1', 'v2'] },
  v1: { at: ['src/protocol/dialect/v1/'], uses: WORDS },
  v2: { at: ['src/protocol/dialect/v2/'], uses: WORDS },
  acp: { at: ['src/protocol/dialect/acp/'], uses: WORDS },
  // What `opencode run` prints are parts as 1.x has them.
  run: { at: ['src/protocol/dialect/run/'], uses: [...WORDS, 'v1'] },
  api: { at: ['src/protocol/api/'], uses: [...WORDS, 'api-v1', 'api-v2'] },
  'api-v1': { at: ['src/protocol/api/v1/'], uses: [...WORDS, 'v1'] },
  'api-v2': { at: ['src/protocol/api/v2/'], uses: [...WORDS, 'v2'] },
  transcript: { at: ['src/protocol/transcript/'], uses: WORDS },
  turn: { at: ['src/protocol/turn/'], uses: [...WORDS, 'transcript'] },
  request: { at: ['src/request.rs'], uses: WORDS },
  mailbox: { at: ['src/mailbox.rs', 'src/mailbox/'], uses: WORDS },
  http: { at: ['src/transport/http'], uses: [...WORDS, 'request'] },
  hub: {
    at: ['src/transport/hub'],
    uses: [...WORDS, 'request', 'framing', 'dialect', 'v1', 'v2', 'http', 'pause'],
  },
  discovery: { at: ['src/transport/discovery'], uses: [...WORDS, 'request', 'api', 'http'] },
  process: { at: ['src/transport/process'], uses: [...WORDS, 'request', 'framing', 'http', 'discovery'] },
  transport: { at: ['src/transport/'], uses: ['http', 'hub', 'discovery', 'process'] },
  context: {
    at: ['src/driver/context'],
    uses: [...WORDS, 'request', 'mailbox', 'turn', 'api', 'http', 'discovery', 'process'],
  },
  'link-http': {
    at: ['src/driver/link/http'],
    uses: [...WORDS, 'request', 'turn', 'api', 'http', 'hub', 'discovery', 'process', 'context'],
  },
  'link-acp': {
    at: ['src/driver/link/acp'],
    uses: [...WORDS, 'request', 'turn', 'acp', 'api', 'http', 'discovery', 'process', 'context'],
  },
  'link-run': {
    at: ['src/driver/link/run'],
    uses: [...WORDS, 'request', 'turn', 'run', 'process', 'context'],
  },
  link: {
    at: ['src/driver/link'],
    uses: [...WORDS, 'request', 'turn', 'context', 'link-http', 'link-acp', 'link-run'],
  },
  driver: {
    at: ['src/driver/'],
    uses: [...WORDS, 'request', 'mailbox', 'turn', 'process', 'discovery', 'context', 'link'],
  },
  binding: {
    at: ['src/binding/'],
    uses: [...WORDS, 'request', 'mailbox', 'discovery', 'process', 'driver', 'context', 'pause'],
  },
  crate: { at: ['src/lib.rs'], uses: [] },

  // JavaScript.
  addon: { at: ['binding.js'], uses: [] },
  vendor: { at: ['lib/vendor/'], uses: [] },
  loader: { at: ['lib/addon.js'], uses: ['addon', 'lib'] },
  lib: { at: ['lib/'], uses: ['vendor', 'loader'] },
  package: { at: ['index.js'], uses: ['lib'] },
  bin: { at: ['bin/'], uses: ['package', 'lib', 'manifest'] },
  'ai-sdk': { at: ['ai-sdk/'], uses: ['lib'] },
  testing: { at: ['testing/'], uses: ['lib'] },
  manifest: { at: ['package.json'], uses: [] },
}

/** Crates that one part of the house alone may name. */
export const CRATES = {
  napi: ['src/binding/'],
  napi_derive: ['src/binding/'],
  reqwest: ['src/transport/'],
  rustls: ['src/transport/'],
  rustix: ['src/transport/process', 'src/transport/discovery'],
}

/** The room of a file: that with the longest prefix of its path, among `rooms` and then where it stands today. */
export function roomOf(file, today = {}) {
  const places = Object.entries(ROOMS).flatMap(([room, { at }]) => at.map((prefix) => [prefix, room]))
  const found = [...Object.entries(today), ...places].filter(([prefix]) => file.startsWith(prefix))
  found.sort(([one], [other]) => other.length - one.length)
  return found[0]?.[1]
}
