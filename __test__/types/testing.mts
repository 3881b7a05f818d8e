// Compiled, never run: the testing kit as a TypeScript user writes it.

import type { GenerateStream } from 'opencode-stream'
import {
  cut,
  fail,
  finish,
  hang,
  type Lockstep,
  lockstep,
  openCode,
  opencodeBinary,
  pause,
  type RecordedRequest,
  type Reply,
  reasoning,
  recordTurn,
  replayStream,
  type ScriptedModel,
  type Step,
  scriptedModel,
  startOpenCode,
  text,
  toolCall,
  usage,
  withOpenCode,
} from 'opencode-stream/testing'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function exactly<A, B>(_: Equal<A, B>) {}

export async function withoutVitest() {
  await using opencode = await openCode({ title: 'T', fallback: [text('…')], model: { cost: { input: 1 } } })
  opencode.model.verify()
  await opencode.endTest()
}

export async function everyStep(model: ScriptedModel) {
  const gate: Lockstep = lockstep()
  const steps: Step[] = [
    reasoning(['a', 'b'], { pace: 1 }),
    text('a', { gate }),
    toolCall('bash', { command: 'date' }, { id: 'mine' }),
    toolCall('bash', '{broken'),
    pause(1),
    finish('length'),
    finish('a reason of its own'),
    usage({ input: 1, output: 1, reasoning: 1, cacheRead: 1 }),
    fail(503, { message: 'm', headers: { 'retry-after': '1' }, body: '' }),
    cut(),
    hang(),
  ]
  const reply: Reply = [...steps, ({ prompt }) => text(prompt), async () => [text('a'), () => hang()]]
  model.reply(...reply).reply(text('b'))
  model.when('a', ...reply).times(1)
  model.when(/a/, text('b'))
  model.when(({ messages, tools }) => messages.length > tools.length, text('b'))
  const [request] = await model.waitForRequests(1)
  exactly<typeof request, RecordedRequest | undefined>(true)
  gate.seen()
  gate.release()
}

export async function bothHalves() {
  await using model = await scriptedModel()
  await using server = await startOpenCode({ model, executable: await opencodeBinary('1.1.31') })
  return server.kill('SIGKILL') ? server.log() : server.url
}

export async function recorded(stream: GenerateStream, signal: AbortSignal) {
  await recordTurn(stream, 'turn.jsonl')
  exactly<ReturnType<typeof replayStream>, GenerateStream>(true)
  // @ts-expect-error it replays what was recorded, whatever model that was
  replayStream('turn.jsonl', { model: 'a/b' })
  for await (const chunk of replayStream('turn.jsonl', { speed: 1, signal })) return chunk.length
  return 0
}

export function isRefused(model: ScriptedModel) {
  // @ts-expect-error a reply is made of steps
  model.reply('Hello')
  // @ts-expect-error no such option
  withOpenCode({ versions: ['1.1.31'] })
  // @ts-expect-error the model is made by the kit; these are its fields
  void openCode({ model: 'a/b' })
  // @ts-expect-error the lists are the model's own
  model.requests = []
  // @ts-expect-error one of usage's names
  usage({ inputs: 1 })
}
