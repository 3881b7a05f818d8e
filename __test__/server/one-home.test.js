// One home, used by both generations in turn. At its first start OpenCode 2 takes over what OpenCode 1 has stored; from
// then on each has its own.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { generate } from '../../index.js'
import testing from '../../testing/index.js'

const { scriptedModel, startOpenCode, text } = testing

let model
let directory
beforeAll(async () => {
  model = await scriptedModel()
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'one-home-')))
})
afterAll(async () => {
  await model?.close()
  rmSync(directory, { recursive: true, force: true })
})

/** Runs `turns` on a release that has the home to itself meanwhile. `say(prompt, options)` is answered by the prompt. */
async function on(version, turns) {
  const server = await startOpenCode({ version, model, directory })
  const { url: baseUrl, password } = server
  const say = async (prompt, more) => {
    model.reset()
    model.reply(text(`answer to ${prompt}`))
    const options = { mode: 'server', baseUrl, directory, password, ...more }
    const outcome = await generate(prompt, options).catch((error) => error)
    const heard = JSON.stringify(model.requests.at(-1)?.messages)
    return { ...outcome, code: outcome.code, accepted: outcome.accepted, heard }
  }
  try {
    await turns(say)
  } finally {
    await server.stop()
  }
}

const NOT_FOUND = { code: 'ERR_OPENCODE_SESSION_NOT_FOUND', accepted: false, heard: undefined }

it('sessions of 1.18.33 go on in 2.0.15, and what either adds from then on is its own', {
  timeout: 180_000,
}, async () => {
  let begun
  await on('1.18.33', async (say) => {
    begun = await say('blue')
    expect(begun).toMatchObject({ generation: 1, text: 'answer to blue' })
  })
  const { sessionID } = begun

  let second
  await on('2.0.15', async (say) => {
    const next = await say('green', { continue: true })
    expect(next).toMatchObject({ generation: 2, sessionID, text: 'answer to green' })
    expect(next.heard).toContain('answer to blue')
    second = await say('red')
    expect(second).toMatchObject({ generation: 2, text: 'answer to red' })
  })

  let third
  await on('1.18.33', async (say) => {
    const back = await say('yellow', { sessionID })
    expect(back).toMatchObject({ generation: 1, sessionID, text: 'answer to yellow' })
    expect(back.heard).toContain('answer to blue')
    expect(back.heard).not.toContain('green')
    expect(await say('what?', { sessionID: second.sessionID })).toMatchObject(NOT_FOUND)
    third = await say('white')
  })

  await on('2.0.15', async (say) => {
    const last = await say('black', { sessionID })
    expect(last).toMatchObject({ generation: 2, sessionID, text: 'answer to black' })
    expect(last.heard).toContain('answer to green')
    expect(last.heard).not.toContain('yellow')
    expect(await say('what?', { sessionID: third.sessionID })).toMatchObject(NOT_FOUND)
  })
})
