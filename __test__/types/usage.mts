// Compiled, never run: what a TypeScript user may write, and what the compiler must refuse.

import { type as ark } from 'arktype'
import {
  type FinishReason,
  type GenerateOptions,
  type GenerateResult,
  type GenerateStream,
  generate,
  generateJson,
  generateStream,
  type Health,
  health,
  OpenCode,
  OpenCodeError,
  type OpenCodeErrorCode,
  type PermissionAsk,
  type PromptPart,
  type QuestionAsk,
  type Session,
  type StreamEvent,
} from 'opencode-stream'
import * as v from 'valibot'
import { z } from 'zod'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function exactly<A, B>(_: Equal<A, B>) {}

export async function readsText() {
  for await (const text of generateStream('Hello')) exactly<typeof text, string>(true)
}

export async function readsEvents(stream: GenerateStream) {
  for await (const event of stream.events) describe(event)
}

export function servesTheWeb(stream: GenerateStream): Response {
  exactly<ReturnType<typeof stream.toReadableStream>, ReadableStream<string>>(true)
  return stream.toResponse({ status: 201, headers: { 'x-team': 'a' } })
}

/** Fails to compile when an event type is added without being documented here. */
export function describe(event: StreamEvent): string {
  switch (event.type) {
    case 'fallback':
      return `${event.from} ${event.to} ${event.reason}`
    case 'start':
      return `${event.route} ${event.granularity} ${event.sessionID} ${event.version} ${event.userMessageID}`
    case 'text-delta':
    case 'reasoning-delta':
      return event.delta
    case 'text-start':
    case 'text-end':
    case 'reasoning-start':
    case 'reasoning-end':
    case 'step-start':
      return `${event.sessionID} ${event.messageID} ${event.partID} ${event.parentSessionID}`
    case 'tool':
      return `${event.callID} ${event.tool} ${event.status} ${event.output ?? event.error ?? event.title}`
    case 'step-finish':
      return `${event.usage.cacheRead + event.cost} ${event.reason}`
    case 'permission':
      return `${event.id} ${event.permission} ${event.patterns.join()} ${event.tool?.callID} ${event.reply}`
    case 'question':
      return `${event.id} ${event.questions.map(({ question }) => question).join()} ${event.reply}`
    case 'retry':
      return `${event.attempt} ${event.message} ${event.next.toFixed()} ${event.discards.join()}`
    case 'reconnect':
      return `${event.attempt} ${event.recovered}`
    case 'session':
      return event.title ?? ''
    case 'raw':
      return JSON.stringify(event.event)
    case 'finish':
      return event.result.text
    default:
      return event satisfies never
  }
}

export async function awaitsResult(stream: GenerateStream) {
  const result = await stream.result
  exactly<typeof result, GenerateResult>(true)
  exactly<typeof result.finishReason, FinishReason>(true)
  // The result of one turn continues in the next.
  return generate('And then?', { sessionID: result.sessionID ?? null })
}

export async function leaves() {
  await using stream = generateStream('Hello')
  await stream.abort()
  await stream.abort(new Error('bored'))
  const iterator = stream[Symbol.asyncIterator]()
  const { done, value } = await iterator.next()
  if (!done) exactly<typeof value, string>(true)
  await iterator.return()
  return stream.sessionID
}

export async function everyOption(signal: AbortSignal) {
  const options: GenerateOptions = {
    mode: 'server',
    cliProtocol: 'auto',
    baseUrl: new URL('http://127.0.0.1:4096'),
    serverUrl: 'http://127.0.0.1:4096',
    username: 'me',
    password: 'secret',
    headers: { 'x-team': 'a' },
    directory: '.',
    sessionID: 'ses_1',
    continue: false,
    fork: true,
    title: 'A title',
    ephemeral: true,
    agent: 'build',
    model: { providerID: 'a', modelID: 'b' },
    variant: 'high',
    system: 'Be brief',
    tools: { bash: false },
    permission: (ask, { signal }) =>
      ask.patterns.length === 1 && !signal.aborted ? 'once' : { reply: 'reject', message: 'no' },
    question: async ({ questions }) => (questions.length === 1 ? [['Blue']] : 'reject'),
    signal,
    onLeave: 'detach',
    timeouts: {
      connect: 1,
      serverStart: 1,
      accept: 1,
      idle: 1,
      reconnect: 1,
      total: Number.POSITIVE_INFINITY,
    },
    limits: { record: 1, buffered: 1 },
    raw: true,
    files: ['a.txt', new URL('file:///a.txt'), { data: new Uint8Array(1), mime: 'image/png' }],
    jsonRetries: 1,
    autostart: false,
  }
  const parts: PromptPart[] = [
    { type: 'text', text: 'Hello' },
    { type: 'file', mime: 'image/png', url: 'data:,' },
    { type: 'agent', name: 'explore' },
  ]
  await generate(parts, options)
  await generate('Hello', { model: 'a/b', timeouts: 1_000, agent: null })
}

export async function asksForJson(opencode: OpenCode) {
  const schema = { type: 'object', properties: { a: { type: 'number' } } }
  exactly<Awaited<ReturnType<typeof untyped>>, unknown>(true)
  exactly<Awaited<ReturnType<typeof typed>>, { a: number }>(true)
  exactly<Awaited<ReturnType<typeof zodded>>, { a: number }>(true)
  exactly<Awaited<ReturnType<typeof valibotted>>, { a: number }>(true)
  exactly<Awaited<ReturnType<typeof arked>>, { a: number }>(true)
  async function untyped() {
    return (await generateJson('Hello', { schema })).value
  }
  async function typed() {
    return (await opencode.generateJson<{ a: number }>('Hello', { schema, files: ['a.txt'] })).value
  }
  async function zodded() {
    return (await generateJson('Hello', { schema: z.object({ a: z.string().transform(Number) }) })).value
  }
  async function valibotted() {
    return (await opencode.generateJson('Hello', { schema: v.object({ a: v.number() }) })).value
  }
  async function arked() {
    return (await generateJson('Hello', { schema: ark({ a: 'number' }) })).value
  }
}

export async function asksHealth() {
  const { healthy, version } = await health({ baseUrl: 'http://localhost:4096', timeouts: 1_000 })
  exactly<typeof healthy, true>(true)
  exactly<typeof version, string | undefined>(true)
}

export async function ownsAClient() {
  await using client = new OpenCode({ model: 'a/b' })
  exactly<Awaited<ReturnType<typeof client.health>>, Health>(true)
  for await (const text of client.generateStream('Hello')) text.trim()
  await client.close()
  return OpenCode.default.generate('Hello')
}

export function explains(error: unknown) {
  if (!(error instanceof OpenCodeError)) return undefined
  const code: OpenCodeErrorCode = error.code
  if (error.accepted === 'unknown') return code
  return error.retryable
    ? error.hint
    : `${error.message} ${error.data?.phase} ${error.status} ${error.stderr}`
}

export function isRefused(stream: GenerateStream) {
  // @ts-expect-error a prompt is needed
  generateStream()
  // @ts-expect-error unknown options
  generateStream('Hello', { baseURL: 'http://localhost' })
  // @ts-expect-error another mode
  generateStream('Hello', { mode: 'http' })
  // @ts-expect-error not a file
  generateStream('Hello', { files: [{ name: 'a.txt' }] })
  // @ts-expect-error a schema is needed
  generateJson('Hello', {})
  // @ts-expect-error no such reply
  generateStream('Hello', { permission: () => 'yes' })
  // @ts-expect-error health() has no model
  health({ model: 'a/b' })
  // @ts-expect-error a stream is not a promise
  stream.then(() => {})
  // @ts-expect-error the result is not the caller's to set
  stream.result = Promise.resolve()
}

/** A page with buttons: what is asked is shown, and answered by its id. */
export async function asksAPage(stream: GenerateStream, show: (ask: PermissionAsk | QuestionAsk) => void) {
  for await (const event of stream.events) {
    if (event.type !== 'permission' && event.type !== 'question') continue
    if (event.status === 'asked') show(event)
    else exactly<Extract<typeof event.reply, undefined>, never>(true)
  }
  stream.reply('per_1', 'once')
  stream.reply('per_1', { reply: 'reject', message: undefined })
  stream.reply('que_1', [['Blue']])
  // @ts-expect-error no such reply
  stream.reply('per_1', 'maybe')
}

/** Under `exactOptionalPropertyTypes` each option may be undefined. */
export function allUndefined(maybe: string | undefined, signal: AbortSignal | undefined) {
  const options: GenerateOptions = {
    ...{
      sessionID: maybe,
      model: maybe,
      agent: maybe,
      title: maybe,
      directory: maybe,
      baseUrl: maybe,
      signal,
    },
    ...{ permission: undefined, question: undefined, tools: undefined, headers: undefined, env: undefined },
    ...{
      timeouts: { total: undefined },
      limits: { buffered: undefined },
      files: undefined,
      config: undefined,
    },
  }
  return new OpenCodeError('x', {
    code: 'ERR_OPENCODE_EMPTY',
    hint: maybe,
    sessionID: options.sessionID ?? undefined,
  })
}

export async function converses(opencode: OpenCode) {
  const session = opencode.session({ permission: 'event', title: 'A talk' })
  exactly<typeof session, Session>(true)
  const [one, two] = await Promise.all([session.generate('a'), session.generate('b')])
  const copy = session.fork({ model: 'a/b' })
  await copy.delete()
  const found = await opencode.findPrompt('a', { sessionID: one.sessionID ?? '' })
  return [session.id, two.text, found?.messageID]
}
