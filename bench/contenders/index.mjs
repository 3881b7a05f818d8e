// Who takes part. `load` is called in the measured process, so that nobody pays for the others.

const peer = (module, connections) => async () => {
  const turns = await import('./turns.mjs')
  return turns[connections](await import(module))
}

const ours = (reading) => async () => (await import('./opencode-stream.mjs'))[reading]

export const contenders = {
  ours: { title: 'opencode-stream', load: ours('asText') },
  'ours-events': { title: 'opencode-stream, `events`', load: ours('asEvents') },
  'ours-raw': { title: 'opencode-stream, `raw`', load: ours('asRaw') },
  sdk: { title: '@opencode-ai/sdk', load: peer('./sdk.mjs', 'onOwnConnections') },
  'fetch-parser': {
    title: 'fetch + eventsource-parser',
    load: peer('./fetch-parser.mjs', 'onOwnConnections'),
  },
  eventsource: { title: 'eventsource', load: peer('./eventsource.mjs', 'onOwnConnections') },
  undici: { title: 'undici, split by hand', load: peer('./undici.mjs', 'onOwnConnections') },
  curl: { title: 'curl -N', load: peer('./curl.mjs', 'onOwnConnections') },
  'sdk-demux': { title: '@opencode-ai/sdk, one connection', load: peer('./sdk.mjs', 'onOneConnection') },
  'undici-demux': { title: 'undici, one connection', load: peer('./undici.mjs', 'onOneConnection') },
}
