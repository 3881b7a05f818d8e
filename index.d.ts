/// <reference lib="esnext.disposable" />

/**
 * Streams the answer to a prompt from OpenCode, as it is written.
 *
 * ```js
 * import { generateStream } from 'opencode-stream'
 *
 * for await (const text of generateStream('Explain this repository')) process.stdout.write(text)
 * ```
 *
 * @module opencode-stream
 */

// ---------------------------------------------------------------------------------------------
// Functions
// ---------------------------------------------------------------------------------------------

/**
 * Sends a prompt and streams the answer. **Cold**: nothing is sent or opened until the stream is
 * first pulled from, or its `result` is awaited.
 *
 * OpenCode's side: `POST /session` (unless a session was named), `GET /event`,
 * `POST /session/:id/prompt_async`.
 *
 * @throws {OpenCodeError} at once: `ERR_OPENCODE_INVALID_OPTION` for a wrong prompt or option,
 * `ERR_OPENCODE_UNSUPPORTED_OPTION` for one that no route can honour, `ERR_OPENCODE_CLOSED` after
 * `OpenCode.default.close()`. Everything else is thrown by the stream.
 */
export function generateStream(
  prompt: string | readonly PromptPart[],
  options?: GenerateOptions,
): GenerateStream

/**
 * Sends a prompt and waits for the whole answer. Unlike a {@link GenerateStream} it starts at once.
 *
 * @throws {OpenCodeError} options as in {@link generateStream}, at once and not through the promise.
 * The promise rejects with what a stream would throw.
 */
export function generate(
  prompt: string | readonly PromptPart[],
  options?: GenerateOptions,
): Promise<GenerateResult>

/**
 * Sends a prompt and resolves with a value that fits a schema. Starts at once, as {@link generate} does.
 *
 * In a session made for the call, releases from 1.1.65 on are asked with the JSON Schema itself (the field
 * `format` of the prompt), if it describes an object; elsewhere an instruction is added to the prompt, and the
 * answer must be one JSON value, or hold one code block that is. Either way the value is checked here, and a
 * wrong one is asked for again in the same session with what was wrong, `jsonRetries` times. `usage`, `cost`,
 * `asks`, `reconnects` and `discarded` count all attempts; the rest of the result is the last one's.
 *
 * From OpenCode 1.15.13 on, the messages of a session that was asked with a JSON Schema cannot be listed or
 * forked any more (OpenCode's own defect; our turns go on in it all the same): pass `ephemeral: true` where
 * nobody needs the session afterwards. With it, a wrong answer is asked for again in another session.
 *
 * @throws {OpenCodeError} options as in {@link generateStream}, at once and not through the promise. The
 * promise rejects with what a stream would throw, and with `ERR_OPENCODE_JSON` when no answer was valid.
 */
export function generateJson<S extends StandardSchema>(
  prompt: string | readonly PromptPart[],
  options: GenerateJsonOptions<S>,
): Promise<GenerateJsonResult<SchemaOutput<S>>>
export function generateJson<T = unknown>(
  prompt: string | readonly PromptPart[],
  options: GenerateJsonOptions<JsonSchema>,
): Promise<GenerateJsonResult<T>>

/**
 * Asks whether an OpenCode server answers, and whether it lets us in. Starts nothing.
 *
 * OpenCode's side: `GET /global/health`.
 *
 * @throws {OpenCodeError} options as in {@link generateStream}, at once. The promise rejects with
 * what a turn would: `ERR_OPENCODE_UNREACHABLE`, `ERR_OPENCODE_NOT_A_SERVER`,
 * `ERR_OPENCODE_UNAUTHORIZED`, `ERR_OPENCODE_TIMEOUT`.
 */
export function health(options?: HealthOptions): Promise<Health>

/**
 * Shared defaults and connections. The free functions use {@link OpenCode.default}.
 *
 * ```js
 * await using opencode = new OpenCode({ baseUrl: 'http://127.0.0.1:4096', model: 'anthropic/claude-sonnet-4-5' })
 * const { text } = await opencode.generate('Hello')
 * ```
 */
export class OpenCode implements AsyncDisposable {
  /** The instance behind the free functions, one per process. */
  static readonly default: OpenCode

  /**
   * @param defaults for every call; a call's own options win. `timeouts`, `limits` and `headers` are
   * merged key by key. A call that names another `baseUrl` sends no default credentials there: no `username`, no
   * `password`, and no header with a name like that of a secret (`authorization`, `cookie`, `x-api-key`).
   * @throws {OpenCodeError} `ERR_OPENCODE_INVALID_OPTION`, `ERR_OPENCODE_UNSUPPORTED_OPTION`
   */
  constructor(defaults?: GenerateOptions)

  /** As {@link generateStream}, over the defaults. */
  generateStream(prompt: string | readonly PromptPart[], options?: GenerateOptions): GenerateStream
  /** As {@link generate}, over the defaults. */
  generate(prompt: string | readonly PromptPart[], options?: GenerateOptions): Promise<GenerateResult>
  /** As {@link generateJson}, over the defaults, which may have a `schema` for calls without types. */
  generateJson<S extends StandardSchema>(
    prompt: string | readonly PromptPart[],
    options: GenerateJsonOptions<S>,
  ): Promise<GenerateJsonResult<SchemaOutput<S>>>
  generateJson<T = unknown>(
    prompt: string | readonly PromptPart[],
    options: GenerateJsonOptions<JsonSchema>,
  ): Promise<GenerateJsonResult<T>>
  /** As {@link health}, over the defaults. */
  health(options?: HealthOptions): Promise<Health>

  /**
   * A conversation: one OpenCode session for all its turns. Nothing is sent before the first of them begins.
   *
   * @param options of every turn, over the defaults. `sessionID` or `continue` go on with a session. `ephemeral` is
   * refused.
   */
  session(options?: GenerateOptions): Session

  /**
   * Looks for a prompt in a session: the answer to `accepted: 'unknown'`. Resolves with the newest message of the user
   * that has the prompt's words, or `undefined` if there is none. Sends no prompt.
   *
   * It also finds a prompt of OpenCode 2 that waits behind another one.
   *
   * OpenCode's side: `GET /session/:id/message`; of OpenCode 2 `GET /api/session/:id/inbox` and `…/message`.
   *
   * @param options needs `sessionID`, e.g. that of the error
   */
  findPrompt(
    prompt: string | readonly PromptPart[],
    options: GenerateOptions & { sessionID: string },
  ): Promise<FoundPrompt | undefined>

  /**
   * Ends the turns of this instance, which throw `ERR_OPENCODE_CLOSED`, and waits for them (at most
   * 5 s each, together). Those with `onLeave: 'detach'` run on inside OpenCode. Later calls throw `ERR_OPENCODE_CLOSED`. A private server ends with the last instance that
   * holds it. May be called again.
   */
  close(): Promise<void>
  /** As {@link close}. */
  [Symbol.asyncDispose](): Promise<void>
}

/** What {@link OpenCode.findPrompt} found. */
export interface FoundPrompt {
  sessionID: string
  /** The message that holds the prompt. */
  messageID: string
}

/**
 * A conversation, see {@link OpenCode.session}. Its turns wait for each other. If several begin before there is a
 * session, the first one makes it and the others wait for its id. Leaving a turn keeps the session.
 */
export interface Session {
  /** The OpenCode session: known from the first `start` event on. */
  readonly id: string | undefined
  /** As {@link generateStream}; options that choose a session are refused. */
  generateStream(prompt: string | readonly PromptPart[], options?: GenerateOptions): GenerateStream
  /** As {@link generate}. */
  generate(prompt: string | readonly PromptPart[], options?: GenerateOptions): Promise<GenerateResult>
  /** As {@link generateJson}. */
  generateJson<S extends StandardSchema>(
    prompt: string | readonly PromptPart[],
    options: GenerateJsonOptions<S>,
  ): Promise<GenerateJsonResult<SchemaOutput<S>>>
  generateJson<T = unknown>(
    prompt: string | readonly PromptPart[],
    options: GenerateJsonOptions<JsonSchema>,
  ): Promise<GenerateJsonResult<T>>
  /**
   * A conversation that goes on in a copy. Its first turn makes the copy, of what the session holds then.
   *
   * @throws {OpenCodeError} `ERR_OPENCODE_INVALID_OPTION` before the session exists
   */
  fork(options?: GenerateOptions): Session
  /** Deletes the session in OpenCode, if there is one. The next turn makes a new one. */
  delete(): Promise<void>
}

// ---------------------------------------------------------------------------------------------
// The stream
// ---------------------------------------------------------------------------------------------

/**
 * The answer as it comes. Iterating it yields the answer's text and nothing else: no reasoning, no
 * tool output, never an empty string. A chunk is whatever arrived since the last pull, and all
 * chunks joined are exactly `(await stream.result).text`.
 *
 * It has one reader: either the stream itself or its {@link events} is iterated, once; a second
 * iterator throws `ERR_OPENCODE_STREAM_CONSUMED`.
 *
 * Leaving early (`break`, `return`, `throw`, {@link abort}, `await using`, the option `signal`) stops
 * the turn inside OpenCode too (`POST /session/:id/abort`), and waits for that, at most 5 s. With
 * `onLeave: 'detach'` only {@link abort} and `signal` do.
 */
export interface GenerateStream extends AsyncIterable<string>, AsyncDisposable {
  /** Claims the reader; the turn starts with the first `next()`. */
  [Symbol.asyncIterator](): GenerateIterator<string>

  /** Everything that happens in the turn, in order, ending with `finish`; or else an error is thrown. */
  readonly events: AsyncIterable<StreamEvent> & {
    [Symbol.asyncIterator](): GenerateIterator<StreamEvent>
  }

  /**
   * How the turn ended. Lazy: the first `await`, `then`, `catch` or `finally` starts the turn, unless
   * it runs already; looking at it or logging it does not. It may be awaited beside or after an
   * iteration. After an early exit or {@link abort} it resolves with `finishReason: 'abort'` and the
   * text so far; after the option `signal` it rejects with `signal.reason`. When nobody asks for it,
   * its rejection is nobody's unhandled rejection.
   *
   * Where only `result` is read, output that nobody reads counts against `limits.buffered`;
   * {@link generate} has no such limit.
   */
  readonly result: Promise<GenerateResult>

  /** The OpenCode session, once it is known: from the `start` event on. */
  readonly sessionID: string | undefined

  /**
   * Answers an ask: the `id` of a `permission` or `question` event with the status `'asked'`. For the options
   * `permission: 'event'` and `question: 'event'`; it may also be faster than another client (`'leave'`) or than a
   * function.
   *
   * @throws {OpenCodeError} `ERR_OPENCODE_INVALID_OPTION`: no ask of that id waits, or this is no reply to it
   */
  reply(id: string, reply: PermissionReply | QuestionReply): void

  /**
   * Stops the turn and resolves when it has ended. Whoever iterates gets the text that had arrived,
   * then the normal end. Before the start: the turn never starts. It never throws.
   *
   * @param reason for likeness with `AbortController.abort`; has no effect
   */
  abort(reason?: unknown): Promise<void>

  /**
   * The text as a web stream. This claims the reader. It is pulled only when it is read, so the turn stays cold until
   * then; `cancel()` leaves the turn and waits for that.
   *
   * For Node: `Readable.from(stream)`, and `pipeline(Readable.from(stream), target)`, which leaves the turn as soon as
   * the target goes away (`pipeline(stream, target)` only when the next chunk comes).
   *
   * @throws {OpenCodeError} `ERR_OPENCODE_STREAM_CONSUMED`
   */
  toReadableStream(): ReadableStream<string>

  /**
   * The {@link events} as a streamed response of server-sent events: each as one `data:` line of JSON, a comment after
   * every 15 s of silence, and, if the turn fails, a last `event: error`. The status is 200 even then, for it leaves
   * before the turn begins. This claims the reader, and starts when the body is read; a client that disconnects leaves
   * the turn.
   *
   * The data of `event: error` is made for browsers: `name`, `code`, `message`, `hint`, `accepted`, `retryable`,
   * `sessionID`, `status`, without paths. It has no `stderr`, `cause`, `data` or stack. Errors about the server's own
   * machine, and those that are no {@link OpenCodeError}, only say that OpenCode cannot be used or that the turn failed.
   * An event that cannot be written as JSON ends the response with `ERR_OPENCODE_LIMIT`, and leaves the turn.
   *
   * A browser's `EventSource` asks again when a response ends, and that would be a second prompt: close it at `finish`
   * and at `error`, or use `fetch`.
   *
   * @param init status and headers, over ours
   * @throws {OpenCodeError} `ERR_OPENCODE_STREAM_CONSUMED`
   */
  toResponse(init?: ResponseInit): Response

  /** Leaves: as {@link abort}, unless the option `onLeave` is `'detach'`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Calls of `next()` may overlap; they are answered in order. */
export interface GenerateIterator<T> extends AsyncIterator<T, undefined, undefined>, AsyncDisposable {
  /** Waits for what comes next, without a limit of its own. */
  next(): Promise<IteratorResult<T, undefined>>
  /** Leaves the turn: stops it, unless `onLeave` is `'detach'`, and waits for its end. */
  return(value?: undefined): Promise<IteratorResult<T, undefined>>
  /** As {@link return}, and rejects with `error`. */
  throw(error?: unknown): Promise<IteratorResult<T, undefined>>
  /** Itself. */
  [Symbol.asyncIterator](): GenerateIterator<T>
  /** As {@link return}. */
  [Symbol.asyncDispose](): Promise<void>
}

// ---------------------------------------------------------------------------------------------
// What goes in
// ---------------------------------------------------------------------------------------------

/** A part of a prompt; the same objects as in OpenCode's `POST /session/:id/prompt_async`. */
export type PromptPart = TextPromptPart | FilePromptPart | AgentPromptPart

/** Text for the model. */
export interface TextPromptPart {
  type: 'text'
  text: string
}

/** A file, inline as a `data:` URL, or by a URL that OpenCode itself can read. */
export interface FilePromptPart {
  type: 'file'
  /** Media type, e.g. `'image/png'`. */
  mime: string
  /** `data:`, or what OpenCode can reach: it is passed on as it is. The option `files` reads files instead. */
  url: string
  /** The name the model sees. Left out, never `undefined`: so a part is one of `@opencode-ai/sdk` too. */
  filename?: string
}

/** Calls in a subagent by its name, as `@name` does in OpenCode's own prompt. */
export interface AgentPromptPart {
  type: 'agent'
  /** As `GET /agent` lists it, e.g. `'general'`. */
  name: string
}

/**
 * Where a turn may run. A mode has {@link Route}s, tried in order:
 *
 * - `'auto'`: where a server is named (`baseUrl`, `OPENCODE_SERVER_URL`), that one and nothing else. Otherwise the
 *   implicit `http://127.0.0.1:4096`, if our own user runs OpenCode there; then `private`, `acp`, `run`.
 * - `'server'`: the named server, or the implicit one; `private` only with `autostart: true`.
 * - `'cli'`: `acp`, then `run`, or the one that `cliProtocol` names.
 *
 * A step down is told by a `fallback` event, and is never taken once the prompt was sent.
 */
export type Mode = 'auto' | 'server' | 'cli'

/**
 * Options of a call, and defaults of {@link OpenCode}. `null` counts as absent. An unknown key
 * throws `ERR_OPENCODE_INVALID_OPTION`.
 *
 * Honoured or refused, never dropped. A {@link Route} that cannot honour an option given is left out, and where none
 * is left the call throws `ERR_OPENCODE_UNSUPPORTED_OPTION`:
 *
 * | option | `server` | `private` | `acp` | `run` |
 * |---|---|---|---|---|
 * | `mode` `directory` `signal` `timeouts` `limits` `raw` | yes | yes | yes | yes |
 * | `baseUrl` `serverUrl` | yes | no | no | no |
 * | `username` `password` | yes | yes | no | no |
 * | `headers` | yes | yes | no | no |
 * | `autostart` | yes | yes | yes | yes |
 * | `cliPath` `env` `config` | no | yes | yes | yes |
 * | `cliProtocol` | yes | yes | yes | yes |
 * | `sessionID` `continue` `agent` `model` | yes | yes | yes | yes |
 * | `fork` | yes | yes | yes | where the release has `--fork` |
 * | `variant` | yes | yes | not at 1.1.31 | yes |
 * | `title` | yes | yes | no | yes |
 * | `ephemeral` `system` `tools` | yes | yes | no | no |
 * | `permission: 'reject'` | yes | yes | yes | from 1.1.65; an error before |
 * | `permission: 'allow'` | yes | yes | yes | from 1.14 |
 * | `permission: 'leave'` | yes | no | no | no |
 * | `permission: 'event'`, `permission`: a function | yes | yes | yes | no |
 * | `question: 'reject'` | yes | yes | yes | yes |
 * | `question: 'leave'` | yes | no | no | no |
 * | `question: 'event'`, `question`: a function | yes | yes | no | no |
 * | `onLeave: 'detach'` | yes | no | no | no |
 * | `files` | yes | yes | yes | no |
 * | `schema` `jsonRetries` (`generateJson`) | yes | yes | by an instruction | by an instruction |
 * | granularity | token | token | token | part |
 *
 * The reasons, and what was measured, are in `docs/routes.md`.
 */
export interface GenerateOptions {
  /** Default: the environment variable `OPENCODE_MODE`, else `'auto'`. */
  mode?: Mode | null | undefined
  /**
   * Which of OpenCode's command lines may be taken: `'acp'` (`opencode acp`, token by token), `'run'`
   * (`opencode run --format json`, part by part), or `'auto'`, the first and then the second. Refused with
   * `mode: 'server'`, which takes neither. Default: `'auto'`.
   */
  cliProtocol?: 'auto' | 'acp' | 'run' | null | undefined

  /**
   * Address of an OpenCode server, `http:` or `https:`; this **names** the server. A user name and a
   * password in it travel as a header, and are never printed.
   *
   * Default: the environment variable `OPENCODE_SERVER_URL`; else the implicit
   * `http://127.0.0.1:4096`, which is used only if it belongs to our own user.
   */
  baseUrl?: string | URL | null | undefined
  /** Another name of `baseUrl`. */
  serverUrl?: string | URL | null | undefined
  /**
   * User name for HTTP Basic. Default: that of `baseUrl`, else `OPENCODE_SERVER_USERNAME` (for a named
   * server), else `'opencode'`.
   */
  username?: string | null | undefined
  /**
   * Password for HTTP Basic. Default: that of `baseUrl`, else, for a named server only,
   * `OPENCODE_SERVER_PASSWORD` or `OPENCODE_PASSWORD`. If `OPENCODE_SERVER_URL` is set, the variables go to that
   * server only.
   */
  password?: string | null | undefined
  /**
   * Further headers of every request. Default: none. `authorization` excludes `username` and `password`. Values are sent
   * as Latin-1, as by `fetch`. Headers that frame a request or manage its connection are refused (`content-*`,
   * `transfer-encoding`, `host`, `connection`, `accept` and the like).
   */
  headers?: Readonly<Record<string, string | null | undefined>> | null | undefined
  /**
   * The project the agent works in, absolute or relative to `process.cwd()`; sent with every request.
   * Default: `process.cwd()`; for a named server that is not on loopback, its own (`GET /path`).
   */
  directory?: string | null | undefined

  /**
   * Continue this session (`GET /session/:id`). Default: a new one (`POST /session`).
   * Unknown: `ERR_OPENCODE_SESSION_NOT_FOUND`.
   */
  sessionID?: string | null | undefined
  /** Continue the newest root session of `directory` (`GET /session`). Excludes `sessionID`. Default: `false`. */
  continue?: boolean | null | undefined
  /** Continue in a copy (`POST /session/:id/fork`); needs `sessionID` or `continue`. Default: `false`. */
  fork?: boolean | null | undefined
  /** Title of the session; one that exists is renamed (`PATCH /session/:id`). Default: OpenCode writes one. */
  title?: string | null | undefined
  /** Delete the session that this call created, after its turn (`DELETE /session/:id`). Default: `false`. */
  ephemeral?: boolean | null | undefined

  /** Agent by name, e.g. `'plan'` (`GET /agent`). Default: OpenCode's. Unknown: `ERR_OPENCODE_AGENT_NOT_FOUND`. */
  agent?: string | null | undefined
  /**
   * `'provider/model'`, split at the first slash, or both halves (`GET /config/providers`). Default:
   * OpenCode's. Unknown: `ERR_OPENCODE_MODEL_NOT_FOUND`.
   */
  model?: string | ModelRef | null | undefined
  /** Variant of the model, e.g. a reasoning effort such as `'high'`. Default: none. */
  variant?: string | null | undefined
  /** A system prompt for this turn. Default: OpenCode's. */
  system?: string | null | undefined
  /** Tools by name, switched on or off for this turn. Default: all on. */
  tools?: Readonly<Record<string, boolean | null | undefined>> | null | undefined

  /**
   * Files for the model, after the prompt. They are read here when the turn starts, and sent inline; 96 MiB at most,
   * together. One that cannot be read, or is nothing a model can be shown: `ERR_OPENCODE_FILE`, before anything is sent. Whether a
   * model takes images, PDFs and the like is its provider's to say. Default: none.
   */
  files?: readonly FileInput[] | null | undefined

  /**
   * The answer to every permission that a tool asks for (`POST /permission/:id/reply`): `'reject'`, which
   * ends the turn with `finishReason: 'rejected'`; `'allow'`, which answers `once` to each; `'leave'`,
   * which lets another client answer; `'event'`, which waits for {@link GenerateStream.reply}; or a function that is
   * asked each time. Default: none. An ask is then rejected, and the turn throws `ERR_OPENCODE_REJECTED`.
   */
  permission?: 'reject' | 'allow' | 'leave' | 'event' | PermissionCallback | null | undefined
  /**
   * The answer to every question of the agent (`POST /question/:id/reject`, `…/reply`): `'reject'`;
   * `'leave'`, which lets another client answer; `'event'`, which waits for {@link GenerateStream.reply}; or a function
   * that is asked each time. Default: none, as for `permission`.
   */
  question?: 'reject' | 'leave' | 'event' | QuestionCallback | null | undefined

  /**
   * Stops the turn: the iteration throws, and `result` rejects with, `signal.reason`, after the turn
   * has been stopped inside OpenCode. Text not read by then is dropped.
   */
  signal?: AbortSignal | null | undefined
  /**
   * What becomes of a turn whose reader leaves it: `break`, `return` and `throw` in the loop, `await using`, a cancelled
   * web stream or response, {@link OpenCode.close}, or the end of the process.
   *
   * - `'abort'`: it is stopped inside OpenCode. The end of the process alone stops nothing on a server that runs without us.
   * - `'detach'`: it runs on inside OpenCode, if its prompt was sent; `result` has the text so far and
   *   `finishReason: 'abort'`. It is refused where OpenCode ends with this process (`private`, `acp`, `run`), and beside
   *   `ephemeral`. {@link GenerateStream.abort}, `signal`, a `permission` or `question` function that throws, and
   *   `timeouts` still stop the turn. An error that only says that the turn cannot be followed any more (`STREAM_LOST`,
   *   `PROTOCOL`, `LIMIT`, `UNREACHABLE`) lets it run on. What it asks later waits for another client, or for the
   *   session's next turn.
   *
   * Default: `'abort'`.
   */
  onLeave?: 'abort' | 'detach' | null | undefined
  /** A number is `total`. */
  timeouts?: Timeouts | number | null | undefined
  /** How much may be held in memory. */
  limits?: Limits | null | undefined
  /**
   * How often {@link generateJson} asks again for an answer that is not valid. Default: 2. Refused by the other
   * functions, except as a default of {@link OpenCode}.
   */
  jsonRetries?: number | null | undefined
  /** Also give out OpenCode's own events, as `raw`. Default: `false`. */
  raw?: boolean | null | undefined

  /**
   * Whether a server may be started where none is named and none of ours listens on 127.0.0.1:4096. It is
   * shared by all clients of the process with the same executable, environment and configuration, does not
   * keep Node alive between turns, and ends, with everything it started, with the last `close()`, with the
   * process, or when the process is killed (the last two on Linux; elsewhere unverified).
   * Default: `true` in mode `'auto'`, `false` in `'server'`.
   */
  autostart?: boolean | null | undefined
  /**
   * The OpenCode executable to start: a path, seen from `process.cwd()`, or a name to look for on `PATH`.
   * Places inside `directory` are passed over, and npm's wrapper script for the binary behind it. Given, the
   * server on 4096 is not looked at. Default: the environment variable `OPENCODE_BIN`, else `opencode` on
   * `PATH`, else that of the package `opencode-ai` installed beside this one. None:
   * `ERR_OPENCODE_CLI_NOT_FOUND`.
   */
  cliPath?: string | null | undefined
  /**
   * Environment variables for what we start, added to the inherited ones. Given, the server on 4096 is not
   * looked at. Default: none.
   */
  env?: Readonly<Record<string, string | null | undefined>> | null | undefined
  /**
   * An OpenCode configuration for what we start, copied at the call, and merged over an inherited
   * `OPENCODE_CONFIG_CONTENT`. It outranks the project's own configuration. It travels in one environment variable:
   * larger than 128 KiB as JSON (Windows: 32 KiB) or nested deeper than 120 levels, it is refused. Given, the server
   * on 4096 is not looked at. Default: none.
   */
  config?: Readonly<Record<string, unknown>> | null | undefined
}

/**
 * Answers one permission, now or later; asked whether or not anybody reads the stream, and also for what
 * subagents ask, and for what a session that is continued still asks. The turn waits for it, with no limit
 * but `timeouts.total`. What it throws, or rejects with, stops the turn inside OpenCode and is thrown by the
 * iteration and by `result`; so is `ERR_OPENCODE_INVALID_OPTION`, when it returns what is no reply or cannot be read,
 * or throws nothing at all.
 *
 * TypeScript takes the one word of an `async` function for a `string`: write `return 'once' as const`.
 */
export type PermissionCallback = (
  ask: PermissionAsk,
  context: AskContext,
) => PermissionReply | Promise<PermissionReply>

/**
 * - `'once'`: this time.
 * - `'always'`: and whatever OpenCode takes for the same from then on, without asking anybody: in every session of
 *   that project on that server, other clients' too (1.18.33), for as long as the server runs.
 * - `'reject'`: the tool does not run, and the turn ends there with `finishReason: 'rejected'`. With a
 *   `message`, the model reads it and goes on; to 1.0.222 OpenCode has no place for one, and the turn ends.
 */
export type PermissionReply =
  | 'once'
  | 'always'
  | 'reject'
  | { reply: 'once' | 'always' }
  | { reply: 'reject'; message?: string | null | undefined }

/**
 * Answers the agent's questions, as {@link PermissionCallback} does permissions: with the chosen labels of
 * each question, in order (a label of one's own is allowed), or with `'reject'`, which ends the turn there.
 */
export type QuestionCallback = (
  ask: QuestionAsk,
  context: AskContext,
) => QuestionReply | Promise<QuestionReply>

/** The labels chosen for each question, in order, or a rejection. */
export type QuestionReply = string[][] | 'reject'

/**
 * What is asked for, and by whom. Its `type` is not enumerable: `{ type: 'ask', ...ask }` and `JSON.stringify(ask)` have
 * all fields but that one. TypeScript does not know that: there, write `{ ...ask, type: 'ask' }`.
 */
export type PermissionAsk = PermissionAskedEvent

/** What the agent wants to know, and in which session. Its `type` is as that of {@link PermissionAsk}. */
export type QuestionAsk = QuestionAskedEvent

/** Second argument of {@link PermissionCallback} and {@link QuestionCallback}. */
export interface AskContext {
  /**
   * Aborts when nobody waits for the answer any more: another client gave one, or the turn ended or was left.
   * What the function does afterwards has no effect.
   */
  signal: AbortSignal
}

/**
 * A file for the model. As a string: a path, absolute or seen from `process.cwd()`, or a `file:` or `data:`
 * URL. Addresses on the network are refused: nothing is fetched on your behalf.
 */
export type FileInput = string | URL | FileObject

/** Has one of `path`, `url` and `data`. */
export interface FileObject {
  /** Absolute, or seen from `process.cwd()`. */
  path?: string | null | undefined
  /** A `file:` or `data:` URL. */
  url?: string | URL | null | undefined
  /** Bytes as they are; a string is text, not base64. */
  data?: Uint8Array | ArrayBuffer | string | null | undefined
  /**
   * Media type. Default: by content (PNG, JPEG, GIF, WebP, PDF, text), else by the name. Whatever is text is sent
   * as `text/plain`, the only text that OpenCode shows a model on every release.
   */
  mime?: string | null | undefined
  /** The name the model sees. Default: that of the path, else `'file'`. */
  filename?: string | null | undefined
}

/** A JSON Schema: 2020-12, or by its `$schema` 2019-09, draft 07 or 06; with the usual formats. */
export type JsonSchema = Readonly<Record<string, unknown>> & { readonly '~standard'?: undefined }

/** A schema of zod, valibot, arktype or any other library of Standard Schema, version 1. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => unknown
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a Standard Schema makes of a valid value. */
export type SchemaOutput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']

/** {@link GenerateOptions}, and a schema. */
export interface GenerateJsonOptions<S = JsonSchema | StandardSchema> extends GenerateOptions {
  /**
   * What the answer must fit. Checked here, whatever OpenCode says of it. A JSON Schema that takes longer than 50 ms with
   * an answer is checked in a thread of its own, until `timeouts.total`, and for 30 s at most
   * (`ERR_OPENCODE_LIMIT`). The code of a Standard Schema runs on your thread, and may block it that long. What it throws
   * is `ERR_OPENCODE_INVALID_OPTION`. Answers of more than 4 Mi characters or 500 levels are not valid.
   */
  schema: S
}

/** {@link GenerateResult}, and the value. */
export interface GenerateJsonResult<T = unknown> extends GenerateResult {
  /** Valid for the schema; for a Standard Schema, what it made of the answer. */
  value: T
}

/** A model as OpenCode names it (`GET /config/providers`). */
export interface ModelRef {
  /** E.g. `'anthropic'`. */
  providerID: string
  /** E.g. `'claude-sonnet-4-5'`; may hold slashes. */
  modelID: string
}

/**
 * Milliseconds, greater than 0, at most 2147483647. None of them limits how long a model may think,
 * but `total`. What runs out throws `ERR_OPENCODE_TIMEOUT`, with its name in `data.phase`, unless said
 * otherwise.
 */
export interface Timeouts {
  /** To connect to a server. Default: 5 000. */
  connect?: number | null | undefined
  /** Until a server that we start is ready. Default: 30 000. */
  serverStart?: number | null | undefined
  /** From OpenCode's 204 for the prompt to the first sign of the turn. Default: 30 000. */
  accept?: number | null | undefined
  /**
   * Silence of the event stream, which has a heartbeat. Then the connection is replaced; the turn lives
   * on while the server knows it. Default: 75 000.
   */
  idle?: number | null | undefined
  /** Until a lost event stream is given up: `ERR_OPENCODE_STREAM_LOST`. Default: 60 000. */
  reconnect?: number | null | undefined
  /**
   * For everything, the wait for earlier turns of the session included. To stop the turn inside OpenCode may take up to
   * 5 s more. Default, and `Infinity`: none.
   */
  total?: number | null | undefined
}

/** Bytes. Passing one throws `ERR_OPENCODE_LIMIT`. */
export interface Limits {
  /** Of one record from OpenCode. Default: 64 MiB. */
  record?: number | null | undefined
  /** Of output that has arrived and was not read yet. Default: 64 MiB. */
  buffered?: number | null | undefined
}

/** What {@link health} looks at. */
export type HealthOptions = Pick<
  GenerateOptions,
  'mode' | 'baseUrl' | 'serverUrl' | 'username' | 'password' | 'headers' | 'directory' | 'signal' | 'timeouts'
>

// ---------------------------------------------------------------------------------------------
// What comes out
// ---------------------------------------------------------------------------------------------

/** OpenCode's major version, which is that of its API: releases 1.x speak one, releases 2.x another. */
export type Generation = 1 | 2

/** What {@link health} found. */
export interface Health {
  /** Always: what is not healthy is thrown. */
  healthy: true
  /** Of OpenCode, where the server says. */
  version: string | undefined
  /** Which of OpenCode's two APIs the server speaks. */
  generation: Generation
  /** Which server answered, without userinfo. */
  url: string
  /** Whether the server asks for credentials, and took ours. */
  authenticated: boolean
}

/**
 * How a turn travels:
 *
 * - `server`: an OpenCode server that runs, named or on `http://127.0.0.1:4096`.
 * - `private`: `opencode serve`, started by us on loopback, on a free port, behind a random password; shared by all
 *   clients of the process with the same `cliPath`, `env` and `config`.
 * - `acp`: `opencode acp`, a process for the turn, over its standard streams.
 * - `run`: `opencode run --format json`, likewise; it prints each part only when it is complete.
 */
export type Route = 'server' | 'private' | 'acp' | 'run'

/** The size of what arrives: each piece as the model writes it, or each part when it is complete. */
export type Granularity = 'token' | 'part'

/**
 * - `stop`: the answer is complete.
 * - `length`: the model's limit of output cut it off.
 * - `tool-calls`: the last step ended with a tool call that failed, and OpenCode made no further step and told of no
 *   error: another client rejected what it asked for, unheard. A turn that stops behind a tool call for any other
 *   reason rejects.
 * - `content-filter`: the provider held the answer back.
 * - `rejected`: a permission or a question was rejected, and the turn ended there.
 * - `abort`: the reader left. With `onLeave: 'detach'` the turn may run on inside OpenCode.
 * - `unknown`: OpenCode gave another reason, or none.
 */
export type FinishReason =
  | 'stop'
  | 'length'
  | 'tool-calls'
  | 'content-filter'
  | 'rejected'
  | 'abort'
  | 'unknown'

/** Tokens, as OpenCode counts them. */
export interface Usage {
  /** Of what the model was given. */
  input: number
  /** Of what it wrote. */
  output: number
  /** Of what the model thought, where the provider says. */
  reasoning: number
  /** Read from the provider's cache. */
  cacheRead: number
  /** Written to it. */
  cacheWrite: number
}

/**
 * How a turn ended. A turn that was left before it began has an empty `text`, zero `usage`, and no
 * `sessionID` (unless one was passed), `route`, `granularity`, `generation` or `version`: nothing was sent.
 */
export interface GenerateResult {
  /**
   * The turn's non-empty text parts in order of creation, joined by a blank line (`"\n\n"`), character
   * for character as OpenCode streamed them.
   */
  text: string
  /** Pass it as the option `sessionID` to continue. Undefined only where the reader left before there was a session. */
  sessionID: string | undefined
  /** The last message of the answer. */
  messageID?: string | undefined
  /** How the turn travelled. */
  route: Route | undefined
  /** Whether its text came token by token or part by part. */
  granularity: Granularity | undefined
  /** Of OpenCode, where it is known. */
  version: string | undefined
  /** Which of OpenCode's two APIs it took. */
  generation: Generation | undefined
  /** Why it ended. */
  finishReason: FinishReason
  /** Of the prompted session, over all steps; not that of subagents. */
  usage: Usage
  /** US dollars, as OpenCode counts them, over all steps. */
  cost: number
  /** OpenCode's structured output, where {@link generateJson} asked for it with a JSON Schema; not checked. */
  structured?: unknown
  /** OpenCode's own part objects of the answer, as they were at the end. */
  parts: OpenCodePart[]
  /** The permissions and questions of the turn, and what was replied. */
  asks: (PermissionRepliedEvent | QuestionRepliedEvent)[]
  /** How often the event stream was replaced. */
  reconnects: number
  /**
   * Characters that were streamed and are not in `text`: OpenCode began the answer again after a failure of the
   * provider, or pieces of it were lost on the way and what came behind them was shown without them.
   */
  discarded: number
}

/** A part object of OpenCode's; what more it has depends on `type` and on OpenCode's version. */
export interface OpenCodePart {
  id: string
  sessionID: string
  messageID: string
  /** E.g. `'text'`, `'reasoning'`, `'tool'`, `'step-start'`, `'step-finish'`. */
  type: string
  [key: string]: unknown
}

/** One thing that happened in a turn; tell them apart by `type`. */
export type StreamEvent =
  | FallbackEvent
  | StartEvent
  | TextStartEvent
  | TextDeltaEvent
  | TextEndEvent
  | ReasoningStartEvent
  | ReasoningDeltaEvent
  | ReasoningEndEvent
  | ToolEvent
  | StepStartEvent
  | StepFinishEvent
  | PermissionEvent
  | QuestionEvent
  | RetryEvent
  | ReconnectEvent
  | SessionEvent
  | RawEvent
  | FinishEvent

/** What events of a session have. */
export interface InSession {
  sessionID: string
  /** Only for the sessions of subagents: the session that called this one. */
  parentSessionID?: string
}

/** What events of a part have. */
export interface InPart extends InSession {
  messageID: string
  partID: string
}

/** A route was given up for the next one, before the prompt was sent. */
export interface FallbackEvent {
  type: 'fallback'
  /** The route that was given up. */
  from: Route
  /** The one that is tried next. */
  to: Route
  /** Why: the message of the error that `from` would have ended with. */
  reason: string
}

/** OpenCode took the prompt. The first event, but for `fallback`. */
export interface StartEvent extends InSession {
  type: 'start'
  route: Route
  granularity: Granularity
  /** Which of OpenCode's two APIs the turn takes. */
  generation: Generation
  /** Of OpenCode, where it is known. */
  version?: string
  /** The message that holds the prompt. */
  userMessageID?: string
}

/** A text part begins. */
export interface TextStartEvent extends InPart {
  type: 'text-start'
}

/** More text of a part; never empty. Deltas that wait to be read are joined. */
export interface TextDeltaEvent extends InPart {
  type: 'text-delta'
  /** As OpenCode streamed it, nothing trimmed. */
  delta: string
}

/** A text part is complete. */
export interface TextEndEvent extends InPart {
  type: 'text-end'
}

/** The model begins to think aloud. */
export interface ReasoningStartEvent extends InPart {
  type: 'reasoning-start'
}

/** More of what the model thinks; never empty. */
export interface ReasoningDeltaEvent extends InPart {
  type: 'reasoning-delta'
  delta: string
}

/** The model has thought. */
export interface ReasoningEndEvent extends InPart {
  type: 'reasoning-end'
}

/** A tool call, as it is now; several per call, of which the unread are replaced by the next one. */
export interface ToolEvent extends InPart {
  type: 'tool'
  /** The model's id of the call, the same in all its updates. */
  callID: string
  /** Name of the tool, e.g. `'bash'`. */
  tool: string
  status: 'pending' | 'running' | 'completed' | 'error'
  /** What the model called it with; may be incomplete while `pending`. */
  input?: unknown
  /** What the tool returned, with status `completed`. */
  output?: string
  /** Why it failed, with status `error`. */
  error?: string
  /** A line about the call, by the tool itself, e.g. the command or the path. OpenCode 2 has none. */
  title?: string
  /** The tool's own, e.g. a diff or an exit code. */
  metadata?: unknown
}

/** The model is called; a turn has a step per call. */
export interface StepStartEvent extends InPart {
  type: 'step-start'
}

/** The model has answered, with text or with tool calls. */
export interface StepFinishEvent extends InPart {
  type: 'step-finish'
  /** Tokens of this step. */
  usage: Usage
  /** US dollars. */
  cost: number
  /** OpenCode's word for it, e.g. `'stop'` or `'tool-calls'`. */
  reason?: string
}

/** What both events of a permission have. */
export interface PermissionFields extends InSession {
  type: 'permission'
  /** Of the ask (`POST /permission/:id/reply`). */
  id: string
  /** What is asked for, e.g. `'bash'`, `'edit'`, `'external_directory'`. */
  permission: string
  /** On what, e.g. the command or the path. */
  patterns: string[]
  /** The tool call that asks, where OpenCode says. */
  tool?: { messageID: string; callID: string }
  /** The tool's own words about it, e.g. the diff of an edit. */
  metadata?: unknown
}

/** A tool asks for permission. One that was pending in the session before the prompt may come before `start`. */
export interface PermissionAskedEvent extends PermissionFields {
  status: 'asked'
  reply?: undefined
}

/** This was replied to a permission, by the option `permission`, by `stream.reply()`, or by another client. */
export interface PermissionRepliedEvent extends PermissionFields {
  status: 'replied'
  /** `'leave'`: nothing, and no other client had answered by then. */
  reply: 'once' | 'always' | 'reject' | 'leave'
  /** What the model was told with a rejection. */
  message?: string
}

/** A permission: first `asked`, then `replied`, under every policy. */
export type PermissionEvent = PermissionAskedEvent | PermissionRepliedEvent

/** What both events of a question have. */
export interface QuestionFields extends InSession {
  type: 'question'
  /** Of the ask (`POST /question/:id/reply`). */
  id: string
  /** One or more, asked together. */
  questions: AgentQuestion[]
}

/** The agent asks the user. */
export interface QuestionAskedEvent extends QuestionFields {
  status: 'asked'
  reply?: undefined
}

/** This was replied to the agent's questions: the labels chosen for each of `questions`, in order. */
export interface QuestionRepliedEvent extends QuestionFields {
  status: 'replied'
  reply: string[][] | 'reject' | 'leave'
}

/** Questions of the agent: first `asked`, then `replied`, under every policy. */
export type QuestionEvent = QuestionAskedEvent | QuestionRepliedEvent

/** One question of the agent, as OpenCode has it. */
export interface AgentQuestion {
  question: string
  /** A few words for it. */
  header?: string
  /** The answers it proposes. */
  options?: { label: string; description?: string }[]
  [key: string]: unknown
}

/** The provider failed, and OpenCode tries again by itself. */
export interface RetryEvent extends InSession {
  type: 'retry'
  /** Counted by OpenCode, from 1. */
  attempt: number
  /** Why, in OpenCode's words. */
  message: string
  /** When, in milliseconds since 1970. */
  next: number
  /** The text parts that OpenCode abandons: they are not in `result.text`. */
  discards: string[]
}

/** The event stream was lost: `recovered: false` for an attempt to replace it, `true` once it is back. */
export interface ReconnectEvent extends InSession {
  type: 'reconnect'
  /** From 1, for each loss. */
  attempt: number
  /** Whether events come again. */
  recovered: boolean
}

/** The session has a title now, or another one. */
export interface SessionEvent extends InSession {
  type: 'session'
  title?: string
}

/** An event as OpenCode sent it; only with the option `raw`. */
export interface RawEvent extends InSession {
  type: 'raw'
  /** By route: an event of `/event`, a notification of the Agent Client Protocol, or a line of `opencode run`. */
  event: unknown
}

/** The turn is over; always the last event of a turn that did not fail. */
export interface FinishEvent {
  type: 'finish'
  /** Undefined only where the reader left before there was a session. */
  sessionID: string | undefined
  /** The same as `stream.result` resolves with. */
  result: GenerateResult
}

// ---------------------------------------------------------------------------------------------
// What goes wrong
// ---------------------------------------------------------------------------------------------

/**
 * Every error of this package, but for `signal.reason` and what a `permission` or `question` function threw. Match on `code`; `message` says what happened
 * and `hint` what to do. `instanceof` also knows errors of another copy of this package. The stack
 * shows the hint, and the call that failed. No secret is in any of it.
 */
export class OpenCodeError extends Error {
  constructor(message: string, details: OpenCodeErrorDetails)

  /** Stable: match on it. */
  readonly code: OpenCodeErrorCode
  /** What to do, in a sentence; may change. */
  readonly hint?: string
  /** The lower error, e.g. of the socket or of a provider. */
  readonly cause?: unknown
  /** Whether OpenCode took the prompt. `'unknown'`: it may run. */
  readonly accepted: boolean | 'unknown'
  /** The same call may go better later. Only where OpenCode did not take the prompt. */
  readonly retryable: boolean
  /** The session, once there was one. */
  readonly sessionID?: string
  /** HTTP status behind the error: OpenCode's, or its provider's. */
  readonly status?: number
  /** End of what a process we started wrote to stderr. */
  readonly stderr?: string
  /** Of that process, where it ended by itself. */
  readonly exitCode?: number
  /** Tokens that the turn had used by then, where they are known. */
  readonly usage?: Usage
  /** US dollars that the turn had cost by then, where they are known. */
  readonly cost?: number
  /** More, by `code`: see {@link OpenCodeErrorCode}. */
  // biome-ignore lint/suspicious/noExplicitAny: its shape depends on `code`, and much of it is OpenCode's
  readonly data?: any

  /** All fields above that are there, with `name`, `message` and a cause in words; no stack. */
  toJSON(): Record<string, unknown>
}

/** What an {@link OpenCodeError} is made of; the fields are those of the error. */
export interface OpenCodeErrorDetails {
  code: OpenCodeErrorCode
  hint?: string | undefined
  cause?: unknown
  /** Default: `'unknown'`. */
  accepted?: boolean | 'unknown' | undefined
  /** Default: `false`. */
  retryable?: boolean | undefined
  sessionID?: string | undefined
  status?: number | undefined
  stderr?: string | undefined
  exitCode?: number | undefined
  data?: unknown
  usage?: Usage | undefined
  cost?: number | undefined
}

/**
 * | code `ERR_OPENCODE_…` | when |
 * |---|---|
 * | `INVALID_OPTION` | a wrong prompt, option or environment variable; thrown at the call |
 * | `UNSUPPORTED_OPTION` | no route can honour an option; `data.routes`: `{ route, reason }[]`; thrown at the call |
 * | `UNSUPPORTED_VERSION` | OpenCode is too old; `data.routes` as above |
 * | `FILE` | a file cannot be read, or is nothing a model can be shown; nothing was sent; `data.path` |
 * | `UNREACHABLE` | refused, no such host, TLS |
 * | `NOT_A_SERVER` | something answers, but not OpenCode's API |
 * | `UNAUTHORIZED` | 401 or 403; says whether credentials were sent |
 * | `BAD_REQUEST` | 4xx, with OpenCode's own message |
 * | `SESSION_NOT_FOUND` `MODEL_NOT_FOUND` `AGENT_NOT_FOUND` | before anything is sent |
 * | `SESSION_BUSY` | another client kept the session busy for too long, or its prompt took the turn over |
 * | `PROVIDER` | the provider of the model failed for good; `data` is OpenCode's error object, `data.isRetryable` |
 * | `ABORTED_ELSEWHERE` | another client, or OpenCode itself, aborted the turn |
 * | `EMPTY` | the turn ended without an answer or an error |
 * | `REJECTED` | the agent asked, and no option said how to answer: `data.ask` is what it asked, `data.text` the text so far |
 * | `JSON` | no answer valid for the schema; `data.text`, `data.issues`: `{ message, path }[]` |
 * | `CLI_NOT_FOUND` `CLI_EXIT` `SERVER_START` | starting a process, and its end; `stderr`, `exitCode` |
 * | `STREAM_LOST` | the connection could not be restored in time; `data.text` is what had arrived |
 * | `PROTOCOL` | OpenCode sent something malformed |
 * | `LIMIT` | one of `limits` was passed, or what JavaScript can hold; a schema took too long with an answer |
 * | `TIMEOUT` | `data.phase`: `'connect'`, `'serverStart'`, `'accept'`, `'total'` |
 * | `STREAM_CONSUMED` | a second reader of one stream |
 * | `CLOSED` | the {@link OpenCode} instance was closed |
 * | `ADDON` | the native addon is not there, is forbidden or cannot be loaded; thrown by `import` and `require` |
 */
export type OpenCodeErrorCode =
  | 'ERR_OPENCODE_INVALID_OPTION'
  | 'ERR_OPENCODE_UNSUPPORTED_OPTION'
  | 'ERR_OPENCODE_UNSUPPORTED_VERSION'
  | 'ERR_OPENCODE_FILE'
  | 'ERR_OPENCODE_UNREACHABLE'
  | 'ERR_OPENCODE_NOT_A_SERVER'
  | 'ERR_OPENCODE_UNAUTHORIZED'
  | 'ERR_OPENCODE_BAD_REQUEST'
  | 'ERR_OPENCODE_SESSION_NOT_FOUND'
  | 'ERR_OPENCODE_MODEL_NOT_FOUND'
  | 'ERR_OPENCODE_AGENT_NOT_FOUND'
  | 'ERR_OPENCODE_SESSION_BUSY'
  | 'ERR_OPENCODE_PROVIDER'
  | 'ERR_OPENCODE_ABORTED_ELSEWHERE'
  | 'ERR_OPENCODE_EMPTY'
  | 'ERR_OPENCODE_REJECTED'
  | 'ERR_OPENCODE_JSON'
  | 'ERR_OPENCODE_CLI_NOT_FOUND'
  | 'ERR_OPENCODE_CLI_EXIT'
  | 'ERR_OPENCODE_SERVER_START'
  | 'ERR_OPENCODE_STREAM_LOST'
  | 'ERR_OPENCODE_PROTOCOL'
  | 'ERR_OPENCODE_LIMIT'
  | 'ERR_OPENCODE_TIMEOUT'
  | 'ERR_OPENCODE_STREAM_CONSUMED'
  | 'ERR_OPENCODE_CLOSED'
  | 'ERR_OPENCODE_ADDON'

// ---------------------------------------------------------------------------------------------
// Diagnostics
// ---------------------------------------------------------------------------------------------

/**
 * What is published on the channels of `node:diagnostics_channel`, by the name of the channel. None of it holds
 * the prompt, the answer, a password, the value of a header, or the value of an environment variable.
 *
 * ```js
 * import { subscribe } from 'node:diagnostics_channel'
 *
 * subscribe('opencode-stream:turn:end', ({ turn, duration, error }) => console.log(turn, duration, error?.code))
 * ```
 */
export interface DiagnosticsMessages {
  /** A turn begins: its stream was first read. */
  'opencode-stream:turn:start': {
    /** Counts the turns of this thread; the same in all messages of one. */
    turn: number
    /** Those that may be taken, the first choice first. */
    routes: Route[]
    url: string | null
    directory: string | null
    /** Whether credentials are sent. */
    authenticated: boolean
    /** The names of the option `headers`. */
    headers: string[]
    /** That of the option. */
    sessionID: string | null
    agent: string | null
    model: ModelRef | null
    /** How many parts the prompt has. */
    parts: number
    permission: unknown
  }
  /** The session is known: OpenCode took the prompt. `duration`: milliseconds since the start. */
  'opencode-stream:turn:session': { turn: number; sessionID: string; duration: number }
  /** Only in turns whose `events` are read: what each event is about, as it is handed out, without its words. */
  'opencode-stream:turn:event': {
    turn: number
    type: StreamEvent['type']
    sessionID?: string
    [about: string]: unknown
  }
  /** The turn is over, with one of `finishReason` and `error`. `duration`: milliseconds since the start. */
  'opencode-stream:turn:end': {
    turn: number
    duration: number
    sessionID?: string | undefined
    finishReason?: FinishReason
    route?: Route | undefined
    version?: string | undefined
    usage?: Usage
    cost?: number
    reconnects?: number
    /** Without `data`, `stderr` and `cause`, which are other programs' words. */
    error?: { name: string; code?: string; message: string; accepted?: boolean | 'unknown'; status?: number }
  }
}
