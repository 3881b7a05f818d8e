/**
 * Drive a real OpenCode from a test: deterministic, offline, free of charge.
 *
 * A scripted model takes the place of a model provider, and an environment of its own keeps OpenCode away from
 * your settings, your keys and the network. With vitest:
 *
 * ```js
 * import { test as base } from 'vitest'
 * import { generateStream } from 'opencode-stream'
 * import { text, withOpenCode } from 'opencode-stream/testing'
 *
 * const test = base.extend(withOpenCode())
 *
 * test('says hello', async ({ opencode: { model, options }, expect }) => {
 *   model.reply(text(['Hel', 'lo']))
 *   const { text: answer } = await generateStream('Hi', options).result
 *   expect(answer).toBe('Hello')
 * })
 * ```
 *
 * With any other runner: {@link openCode}. The guide is `docs/testing.md` in the repository.
 */

import type { ChildProcess } from 'node:child_process'
import type { IncomingHttpHeaders } from 'node:http'
import type { GenerateStream } from '../index.js'

// ── OpenCode and its model, for the tests of a file ─────────────────────────────────────────────────────────

/**
 * Fixtures for `test.extend` of vitest, from 3.2 on; vitest itself is not imported.
 *
 * `opencode` is one {@link OpenCodeKit} for all tests of a file, started by the first that asks for it and closed
 * after the last; `endTest()` is called after each. Tests that use it run one after the other: a second one at the
 * same time (`test.concurrent`) fails.
 *
 * The first test waits for OpenCode to start, and for its very first turn: give it time with `testTimeout`.
 */
export function withOpenCode(options?: OpenCodeKitOptions): OpenCodeFixtures

export interface OpenCodeFixtures {
  opencode: (context: object, use: (opencode: OpenCodeKit) => Promise<void>) => Promise<void>
}

/**
 * Starts a scripted model and a real OpenCode that asks it.
 *
 * ```js
 * import { after, afterEach, test } from 'node:test'
 *
 * const opencode = await openCode()
 * afterEach(() => opencode.endTest())
 * after(() => opencode.close())
 * ```
 */
export function openCode(options?: OpenCodeKitOptions): Promise<OpenCodeKit>

export interface OpenCodeKitOptions extends ScriptedModelOptions, Omit<StartOptions, 'model'> {}

export interface OpenCodeKit extends AsyncDisposable {
  readonly model: ScriptedModel
  readonly server: OpenCodeServer
  /** The project OpenCode works in. */
  readonly directory: string
  /** What `generateStream` and its like need to reach this OpenCode. */
  readonly options: {
    readonly mode: 'server'
    readonly baseUrl: string
    readonly directory: string
    readonly username?: string
    readonly password?: string
  }

  /**
   * Makes ready for the next test: stops the turns that still run, deletes all sessions, resets the model, and
   * empties `directory`, unless you gave it. Rejects with what `model.verify()` finds, or when OpenCode is gone.
   */
  endTest(): Promise<void>

  /** Stops the server, then closes the model. */
  close(): Promise<void>
}

// ── The scripted model ──────────────────────────────────────────────────────────────────────────────────────

/** Starts a model on 127.0.0.1 (free port) that speaks the OpenAI chat completions API, streaming or not. */
export function scriptedModel(options?: ScriptedModelOptions): Promise<ScriptedModel>

export interface ScriptedModelOptions {
  /**
   * The reply to requests nothing else is scripted for.
   * Default: the text `No reply is scripted for: <prompt>`, one token per word.
   */
  fallback?: Reply | undefined
  /** The answer to every title request. Default: `'Scripted title'`. */
  title?: string | undefined
  /**
   * Fields merged over the model's entry in the OpenCode configuration, as in OpenCode's
   * `provider.<id>.models.<id>`: `{ cost: { input: 1, output: 2 } }` (USD per million tokens),
   * `{ limit: { context: 8000, output: 1000 } }` (tokens).
   * Default: reasoning, tools and attachments; no cost; 200 000 tokens of context, 32 000 of output.
   */
  model?: Record<string, unknown> | undefined
}

export interface ScriptedModel extends AsyncDisposable {
  /** `http://127.0.0.1:<port>/v1` */
  readonly baseURL: string
  /**
   * The OpenCode configuration that knows this model, `scripted/model`, and no other provider. Titles are asked
   * of `scripted/title`. Permissions, agents and tools are left at OpenCode's defaults. It is in the spelling of
   * OpenCode 1, which OpenCode 2 understands.
   */
  readonly config: Record<string, unknown>
  /**
   * The whole environment for a spawned OpenCode: pass it as `env`, not merged over `process.env`. It keeps
   * `PATH`, locale, time zone, user and shell; gives every home and temporary folder a place in one folder that
   * `close()` removes; turns off updates, sharing, downloads; carries `config`; and has no keys.
   */
  readonly env: Record<string, string>
  /** Every request for an answer, in order of arrival. Compaction is part of the turn and is listed here. */
  readonly requests: RecordedRequest[]
  /** OpenCode's requests for titles and summaries on its own account. They never take a scripted reply. */
  readonly titleRequests: RecordedRequest[]
  /** What tried to leave the machine through a proxy-aware client and was refused: `host:port`, or a URL. */
  readonly refused: string[]

  /**
   * Scripts the reply to one upcoming request; replies are used in the order they were given. A tool call ends
   * the request, so a turn with a tool takes two replies:
   *
   * ```js
   * model.reply(toolCall('bash', { command: 'date', description: 'the time' }))
   * model.reply(text('It is late.'))
   * ```
   */
  reply(...steps: Reply): this

  /**
   * Scripts the reply to every request that matches. Matchers come before the queue; the first given that matches
   * and has answers left is taken.
   *
   * A string is looked for in the last user prompt, a RegExp tested on it; a function sees the whole request.
   * The request after a tool call has the same last prompt: limit the first reply with `times(1)`.
   *
   * ```js
   * model.when('weather', toolCall('read', { filePath })).times(1)
   * model.when('weather', text('Sunny.'))
   * ```
   */
  when(matcher: string | RegExp | ((request: RecordedRequest) => boolean), ...steps: Reply): Matcher

  /** Resolves with the first `count` (default 1) requests once they have arrived; rejects when closed or reset before. */
  waitForRequests(count?: number): Promise<RecordedRequest[]>

  /**
   * Throws when a reply given by `reply()` was not used, or a request came that nothing was scripted for (and no
   * `fallback` was given). Matchers may stay unused.
   */
  verify(): void

  /**
   * Forgets the script, and begins `requests`, `titleRequests` and `refused` anew. A reply under way fails, in a way
   * that OpenCode does not retry.
   */
  reset(): void

  /** Drops every connection, ends every wait, and removes the folders of `env`. Stop OpenCode first. */
  close(): Promise<void>
}

export interface Matcher {
  /** How many requests it may answer. Default: any number. */
  times(count: number): this
}

export interface RecordedRequest {
  /** The text of the last user message. */
  prompt: string
  /** `body.messages` */
  messages: Array<{ role: string; content?: unknown; [field: string]: unknown }>
  /** The names of the tools on offer; their schemas are in `body.tools`. */
  tools: string[]
  /** The request as OpenCode sent it, in OpenAI's format. */
  body: { model: string; stream?: boolean; tools?: unknown[]; [field: string]: unknown }
  headers: IncomingHttpHeaders
  /** When it arrived, in milliseconds since the epoch. */
  at: number
  /** Whether OpenCode went away before the reply was over. Final once `ended` has resolved. */
  aborted: boolean
  /** Resolves when the reply is over, however it ended. */
  ended: Promise<void>
}

// ── Steps of a reply ────────────────────────────────────────────────────────────────────────────────────────

/** Played in order. A function is called with the request when its turn comes, and returns more steps. */
export type Reply = Array<Step | StepFunction>
export type StepFunction = (
  request: RecordedRequest,
) => Step | Array<Step | StepFunction> | Promise<Step | Array<Step | StepFunction>>

/** Made by the functions below. */
export interface Step {
  readonly type: 'text' | 'reasoning' | 'tool-call' | 'pause' | 'fail' | 'cut' | 'hang' | 'finish' | 'usage'
}

export interface TokenOptions {
  /** Milliseconds between two tokens. Default: 0. */
  pace?: number | undefined
  /** Holds each token back until the ones before it were seen. */
  gate?: Lockstep | undefined
}

/** Answer text. Each array element leaves as one token; a string is one token. */
export function text(tokens: string | string[], options?: TokenOptions): Step
/** Reasoning, sent as `reasoning_content`. Tokens as in `text`. */
export function reasoning(tokens: string | string[], options?: TokenOptions): Step
/**
 * A tool call. Several in one reply are called in parallel. A string as `args` is sent as it is, JSON or not.
 * `id` defaults to a fresh one.
 */
export function toolCall(
  name: string,
  args?: Record<string, unknown> | string | undefined,
  options?: { id?: string | undefined } | undefined,
): Step
/** Waits, in milliseconds. As the first step it delays the response headers too. */
export function pause(ms: number): Step
/**
 * A provider failure, which ends the reply. As the first step it is an HTTP response with this status; after
 * tokens, when the status has long left, an error record in the stream.
 * OpenCode retries 429 and 5xx after 2, 4, 8 … seconds, each time as a new request, and gives up on other 4xx.
 */
export function fail(
  status: number,
  options?: {
    /** The message inside the default body. Default: `Scripted failure <status>`. */
    message?: string | undefined
    /** Response headers, such as `{ 'retry-after': '1' }`. */
    headers?: Record<string, string> | undefined
    /** The whole body: a string is sent as it is, anything else as JSON. Default: an OpenAI error object. */
    body?: unknown
  },
): Step
/** Destroys the connection. OpenCode retries it like a failure. */
export function cut(): Step
/** Sends nothing more until OpenCode goes away or the model is closed. */
export function hang(): Step
/** The reason given at the end. Default: `'tool_calls'` after a tool call, else `'stop'`. */
export function finish(reason: 'stop' | 'length' | 'tool_calls' | 'content_filter' | (string & {})): Step
/**
 * The tokens reported at the end. Defaults: 10 in, one out for each token streamed, none for the rest.
 * OpenCode reports them as given; up to 1.3.2 its `output` includes `reasoning`.
 */
export function usage(tokens: {
  input?: number | undefined
  output?: number | undefined
  reasoning?: number | undefined
  cacheRead?: number | undefined
}): Step

// ── Lockstep ────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * A gate for the tokens of one reply: token n+1, and the end of the reply, leave the model only after the test has
 * said that it saw token n. A reader that gets through saw each token on its own.
 *
 * ```js
 * const gate = lockstep()
 * model.reply(text(['one ', 'two ', 'three'], { gate }))
 * for await (const token of stream) gate.seen()
 * ```
 */
export function lockstep(): Lockstep

export interface Lockstep {
  /** How many tokens have left the model. */
  readonly sent: number
  /** Reports `count` (default 1) more tokens as seen; never more than were sent. */
  seen(count?: number): void
  /** Opens the gate for good. */
  release(): void
}

// ── Recordings ──────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Reads a turn to its end, and writes it into a file that {@link replayStream} plays without an OpenCode. It claims the
 * stream's reader; `await stream.result` beside it has the result.
 *
 * The file has one `StreamEvent` a line, as JSON, with `at`: milliseconds since the recording began. What
 * `opencode-stream --format json` prints is a recording too, with no times. A turn that failed is recorded with its
 * error, as the last line. Look through it before you commit it: it has all that the model and its tools said.
 *
 * Rejects, and writes nothing, where the turn was cut short by the `signal` of its caller, or the stream has been read.
 */
export function recordTurn(stream: GenerateStream, file: string): Promise<void>

/**
 * The stream of a turn that was recorded: text, events, result or error as they were. There is no OpenCode and no
 * model; leaving it ends it with `finishReason: 'abort'`, as it would the turn. It throws at once where the file is no
 * recording of a whole turn.
 *
 * ```js
 * vi.mock('opencode-stream', async (original) => ({
 *   ...(await original()),
 *   generateStream: () => replayStream('turn.jsonl'),
 * }))
 * ```
 */
export function replayStream(file: string, options?: ReplayOptions): GenerateStream

export interface ReplayOptions {
  /**
   * How many times as fast as recorded: 1 takes as long as the turn did. Default: each event comes as soon as it is asked
   * for, and none before.
   */
  speed?: number | undefined
  /** As for `generateStream`. */
  signal?: AbortSignal | undefined
}

// ── A real OpenCode ─────────────────────────────────────────────────────────────────────────────────────────

/** The newest OpenCode release this package was verified with; the default of what follows. */
export const NEWEST: string

/**
 * The path of OpenCode's own executable, release `version`, for this machine. Fetched by `npm install` (from your
 * registry, no scripts run) into `node_modules/.cache/opencode-stream` the first time, about 60 MB.
 */
export function opencodeBinary(version?: string): Promise<string>

/** Starts `opencode serve` on 127.0.0.1 and resolves once it says that it is listening. */
export function startOpenCode(options?: StartOptions): Promise<OpenCodeServer>

export interface StartOptions {
  /** The release to run, `'1.…'` or `'2.…'`. Default: `NEWEST`, of OpenCode 1. */
  version?: string | undefined
  /** The executable to run instead of a release from npm. Without `version` it is asked which OpenCode it is. */
  executable?: string | undefined
  /** Gives the server the model's `env`. Without it the server has your environment, settings and keys. */
  model?: Pick<ScriptedModel, 'env'> | undefined
  /** Variables added to the environment. */
  env?: Record<string, string> | undefined
  /** An OpenCode configuration merged over the one of the environment: `{ permission: { bash: 'ask' } }`. */
  config?: Record<string, unknown> | undefined
  /** The project. Default: a fresh empty folder, removed by `stop()`. */
  directory?: string | undefined
  /** More arguments for `opencode serve`. */
  args?: string[] | undefined
  /**
   * Protects the server by HTTP Basic; the user name is `opencode`. From OpenCode 1.1.16 on. Default: none; OpenCode 2
   * always has one, a random one if you give none.
   */
  password?: string | undefined
  /** Default: a free one. With 0 OpenCode chooses; OpenCode 1 takes 4096 when that is free. */
  port?: number | undefined
  /** Milliseconds to wait for the server. Default: 60 000. */
  startTimeout?: number | undefined
}

/**
 * On Linux it is ended, with all that it started and the folders made for it, when this process ends, in whatever way:
 * SIGKILL and a terminated worker thread too. Elsewhere when this process exits in its own time.
 */
export interface OpenCodeServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** Which of OpenCode's two APIs it speaks. */
  readonly generation: 1 | 2
  readonly pid: number
  readonly child: ChildProcess
  readonly directory: string
  readonly env: Record<string, string>
  readonly password: string | undefined
  /** The last 64 KiB of its output, stdout and stderr as they came. */
  log(): string
  /**
   * Sends a signal (default `SIGTERM`) to it and its process group; false when it was gone already. Its tools are not
   * in that group.
   */
  kill(signal?: NodeJS.Signals): boolean
  /**
   * Asks it to end, kills it after 3 s, and resolves when it is gone. On Linux that includes all that it started, such
   * as a `bash` tool that still runs: OpenCode leaves those behind.
   */
  stop(): Promise<void>
}
