// What is measured. Each scenario: its jobs, for whom on OpenCode 1 and on OpenCode 2 (`second`), and which
// figures count.

const EVERYBODY = ['ours', 'ours-events', 'ours-raw', 'sdk', 'fetch-parser', 'eventsource', 'undici']
/** Who speaks the API of OpenCode 2; its own client is not on npm. */
const SECOND = ['ours', 'fetch-parser', 'undici']
const SHARED = ['ours', 'ours-events', 'sdk-demux', 'undici-demux']

const speed = {
  tokensPerSecond: 'tokens/s',
  mainMicrosPerToken: 'main CPU µs/token',
  allMicrosPerToken: 'all CPU µs/token',
  loopDelayP99: 'loop delay p99 ms',
  peakRssMB: 'peak RSS MB',
  charactersPerChunk: 'characters/chunk',
}

export const scenarios = {
  'one-turn': {
    title: 'One turn, each record in an HTTP chunk of its own',
    contenders: EVERYBODY,
    second: ['ours', 'ours-events', 'ours-raw', 'fetch-parser', 'undici'],
    job: { turns: 1, events: 100_000, warmUp: 3000, chunking: 'event', monitor: true },
    columns: speed,
  },
  'one-turn-64k': {
    title: 'One turn, HTTP chunks of 64 KiB',
    contenders: EVERYBODY,
    second: ['ours', 'ours-events', 'ours-raw', 'fetch-parser', 'undici'],
    job: { turns: 1, events: 100_000, warmUp: 3000, chunking: '64k', monitor: true },
    columns: speed,
  },
  'own-tools': {
    title: 'One turn whose tools write 220 KB for every 900 tokens',
    contenders: ['ours', 'sdk', 'undici'],
    second: ['ours', 'undici'],
    job: { turns: 1, events: 20_000, warmUp: 3000, chunking: 'event', tools: 'own', monitor: true },
    columns: speed,
  },
  'ten-turns': {
    title: '10 turns at once',
    contenders: ['ours', 'ours-events', 'sdk', 'fetch-parser', 'undici', 'sdk-demux', 'undici-demux'],
    second: ['ours', 'fetch-parser', 'undici', 'undici-demux'],
    job: { turns: 10, events: 10_000, warmUp: 3000, chunking: 'event', monitor: true },
    columns: speed,
  },
  'hundred-turns': {
    title: '100 turns at once, every row the same 10 000 records',
    contenders: ['ours', 'sdk', 'undici', 'sdk-demux', 'undici-demux'],
    second: ['ours', 'undici-demux'],
    job: { turns: 100, events: 10_000, warmUp: 3000, chunking: 'event', monitor: true },
    columns: speed,
  },
  'hundred-turns-shared': {
    title: '100 turns at once on one connection, 100 000 records',
    contenders: SHARED,
    second: ['ours', 'undici-demux'],
    job: { turns: 100, events: 100_000, warmUp: 3000, chunking: 'event', monitor: true },
    columns: speed,
  },
  'three-hundred-turns': {
    title: '300 turns at once, every row the same 6000 records',
    contenders: ['ours', 'sdk', 'sdk-demux', 'undici-demux'],
    second: ['ours', 'undici-demux'],
    job: { turns: 300, events: 6000, warmUp: 3000, chunking: 'event', monitor: true },
    columns: speed,
  },
  flat: {
    title: 'Ours as it grows: 600 000 records over 1, 10, 100 and 300 turns',
    contenders: ['ours'],
    second: ['ours'],
    variants: [1, 10, 100, 300].map((turns) => ({ name: `${turns} turns`, job: { turns } })),
    // So many that what each turn costs by itself, a session and a prompt, does not count.
    job: { events: 600_000, warmUp: 3000, chunking: 'event' },
    columns: {
      tokensPerSecond: 'tokens/s',
      allMicrosPerToken: 'all CPU µs/token',
      mainMicrosPerToken: 'main CPU µs/token',
    },
  },
  latency: {
    title: 'A token each millisecond: from just before it is written to its reader',
    contenders: ['ours', 'sdk', 'fetch-parser', 'eventsource', 'undici'],
    second: SECOND,
    job: { turns: 1, events: 1500, warmUp: 3000, pace: 1000 },
    columns: {
      latencyP50: 'p50 µs',
      latencyP99: 'p99 µs',
      mainMicrosPerToken: 'main CPU µs/token',
      allMicrosPerToken: 'all CPU µs/token',
    },
  },
  start: {
    title: 'A fresh process: load, connect, prompt, first token',
    contenders: ['ours', 'sdk', 'fetch-parser', 'eventsource', 'undici'],
    second: SECOND,
    rounds: 15,
    job: { turns: 1, events: 100 },
    columns: {
      loadMs: 'load ms',
      promptToFirstMs: 'to first token ms',
      firstChunkMs: 'total ms',
      peakRssMB: 'peak RSS MB',
    },
  },
  'long-lines': {
    title: 'One record of many megabytes among the tokens: from the first byte sent to the last token',
    contenders: ['ours', 'sdk', 'fetch-parser', 'undici'],
    second: ['ours', 'undici'],
    variants: [1, 4, 16].map((megabytes) => ({ name: `${megabytes} MB`, job: { long: megabytes << 20 } })),
    job: { turns: 1, events: 100, warmUp: 1000, chunking: '64k' },
    columns: { milliseconds: 'ms', peakRssMB: 'peak RSS MB' },
  },
  idle: {
    title: '300 turns that wait for their first token: memory of each',
    contenders: ['ours', 'sdk', 'fetch-parser', 'undici', 'sdk-demux'],
    second: ['ours', 'fetch-parser', 'undici'],
    job: { mode: 'idle', turns: 300, events: 100 },
    columns: { kilobytesPerTurn: 'KB/turn' },
  },
  soak: {
    title: 'Ten million records, turn after turn in one process',
    contenders: ['ours'],
    second: ['ours'],
    rounds: 1,
    job: { mode: 'soak', soak: 100, turns: 1, events: 100_000, chunking: 'event' },
    columns: { tokens: 'tokens', rssAfterTen: 'RSS MB after a tenth', rssAtEnd: 'RSS MB at the end' },
  },
  real: {
    title: 'OpenCode 1.18.33 and 2.0.15 themselves, on a scripted model of 500 tokens',
    contenders: ['ours', 'sdk', 'fetch-parser', 'curl'],
    second: ['ours', 'fetch-parser', 'undici', 'curl'],
    job: { real: true, turns: 1, tokenLength: 8 },
    columns: {
      promptToFirstMs: 'to first token ms',
      milliseconds: 'first to last token ms',
      mainMicrosPerToken: 'main CPU µs/token',
      allMicrosPerToken: 'all CPU µs/token',
    },
  },
}
