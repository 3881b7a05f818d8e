// `auto` with an executable that cannot do all: it goes on to the next route before the prompt is sent, and says why.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { OpenCode } from '../../index.js'
import testing from '../../testing/index.js'

const { opencodeBinary, scriptedModel, text } = testing

let folder
let model
let real
let second
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stepping-down-'))
  model = await scriptedModel()
  real = await opencodeBinary('1.1.31')
  second = await opencodeBinary('2.0.15')
})
afterAll(async () => {
  await model?.close()
  rmSync(folder, { recursive: true, force: true })
})

const clients = []
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  model.reset()
})

/** The real OpenCode, but for the commands that are `broken`: they say so and fail. */
function openCodeWithout(broken, executable = real) {
  const cliPath = join(folder, `without-${broken.join('-')}`)
  writeFileSync(
    cliPath,
    `#!/bin/sh
for broken in ${broken.join(' ')}; do
  if [ "$1" = "$broken" ]; then echo "$1 is broken here" >&2; exit 3; fi
done
exec ${executable} "$@"
`,
  )
  chmodSync(cliPath, 0o755)
  const client = new OpenCode({ mode: 'auto', cliPath, env: model.env, directory: folder })
  clients.push(client)
  return client
}

async function eventsOf(stream) {
  const events = []
  for await (const event of stream.events) events.push(event)
  return events
}

describe('auto', () => {
  it.each([
    [['serve'], 'acp', [{ from: 'private', to: 'acp' }]],
    [
      ['serve', 'acp'],
      'run',
      [
        { from: 'private', to: 'acp' },
        { from: 'acp', to: 'run' },
      ],
    ],
  ])('without %j reaches %s, and tells why at each step', async (broken, route, steps) => {
    model.reply(text(['Hel', 'lo']))
    const events = await eventsOf(openCodeWithout(broken).generateStream('hi'))
    const fallbacks = events.filter(({ type }) => type === 'fallback')
    expect(fallbacks).toMatchObject(steps)
    for (const { reason } of fallbacks) expect(reason).toMatch(/ended before it .*\(exit code 3\)/)
    expect(
      events.findIndex(({ type }) => type === 'start'),
      'before the prompt',
    ).toBe(steps.length)
    expect(events.at(-1).result).toMatchObject({ route, text: 'Hello' })
    expect(model.requests).toHaveLength(1)
  })

  it('with OpenCode 2 it passes over acp, which may ask another model', async () => {
    model.reply(text(['Hel', 'lo']))
    const events = await eventsOf(openCodeWithout(['serve'], second).generateStream('hi'))
    expect(events.filter(({ type }) => type === 'fallback')).toMatchObject([
      { from: 'private', to: 'acp' },
      { from: 'acp', to: 'run', reason: expect.stringMatching(/OpenCode 2/) },
    ])
    expect(events.at(-1).result).toMatchObject({ route: 'run', text: 'Hello' })
    expect(model.requests).toHaveLength(1)
  })

  it('without any of them, the error has the reason of each, and the end of what the last one wrote', async () => {
    const client = openCodeWithout(['serve', 'acp', 'run'])
    const error = await client.generate('hi').catch((error) => error)
    expect(error).toMatchObject({
      code: 'ERR_OPENCODE_CLI_EXIT',
      accepted: false,
      stderr: 'run is broken here\n',
    })
    expect(error.data.routes.map(({ route }) => route)).toEqual(['private', 'acp', 'run', 'server'])
    expect(error.data.routes.at(-1).reason, 'why it was not tried').toMatch(/^`cliPath`: /)
    expect(model.requests).toHaveLength(0)
  })

  it('does not step down for what the user asked for: an unknown model is one on every route', async () => {
    const client = openCodeWithout(['serve'])
    const events = []
    const reading = (async () => {
      for await (const event of client.generateStream('hi', { model: 'scripted/nope' }).events)
        events.push(event)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_OPENCODE_MODEL_NOT_FOUND', accepted: false })
    expect(events.map(({ to }) => to)).toEqual(['acp'])
  })

  it('keeps the turns of one session in order on the route it comes down to', async () => {
    const client = openCodeWithout(['serve', 'acp'])
    model.reply(text('One.'))
    const { sessionID } = await client.generate('one')
    model.reply(text('Two.'))
    model.reply(text('Three.'))
    const both = await Promise.all(['two', 'three'].map((prompt) => client.generate(prompt, { sessionID })))
    expect(both.map((result) => result.text)).toEqual(['Two.', 'Three.'])
    expect(
      model.requests
        .at(-1)
        .messages.map(({ content }) => JSON.stringify(content))
        .join(),
      'the third sees the second',
    ).toContain('Two.')
  })
})
