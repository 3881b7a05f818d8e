import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { opencodeBinary, scriptedModel, startOpenCode } from '../../testing/index.js'
import { isRunning } from '../support/running.mjs'

const VERSION = '1.1.31'

describe('a started OpenCode', () => {
  it('takes a password and more configuration, and is gone with its folders once stopped', async () => {
    const model = await scriptedModel()
    const config = { permission: { bash: 'ask' }, provider: { scripted: { name: 'Renamed' } } }
    const server = await startOpenCode({ version: VERSION, model, password: 'secret', config })
    try {
      expect((await fetch(`${server.url}/config`)).status).toBe(401)
      const authorization = `Basic ${Buffer.from(`opencode:${server.password}`).toString('base64')}`
      const seen = await (await fetch(`${server.url}/config`, { headers: { authorization } })).json()
      expect(seen).toMatchObject({ permission: { bash: 'ask' }, model: 'scripted/model' })
      expect(seen.provider.scripted).toMatchObject({ name: 'Renamed', options: { baseURL: model.baseURL } })
      expect(server.log()).toContain(`listening on ${server.url}`)
      // 4096 is where a client looks for the user's own server.
      expect(new URL(server.url).port).not.toBe('4096')
    } finally {
      await Promise.all([server.stop(), server.stop()])
      await model.close()
    }
    expect(server.kill()).toBe(false)
    expect(isRunning(server.pid)).toBe(false)
    expect([server.directory, model.env.HOME].filter(existsSync)).toEqual([])
  })

  it('that fails to start says why, in its own words', async () => {
    // Node takes `serve` for a file, complains on stderr and ends with 1.
    const start = startOpenCode({ executable: process.execPath, env: {} })
    await expect(start).rejects.toThrow(
      /did not start: it ended with code 1\.[\s\S]*Cannot find module .*serve/,
    )
  })

  it('that cannot be run at all says so', async () => {
    await expect(startOpenCode({ executable: '/nowhere/opencode' })).rejects.toThrow(
      /did not start: .*ENOENT/,
    )
  })
})

describe('opencodeBinary', () => {
  it('gives concurrent callers the same executable', async () => {
    const [one, other] = await Promise.all([opencodeBinary(VERSION), opencodeBinary(VERSION)])
    expect(one).toBe(other)
    expect(one).toMatch(/node_modules.\.cache.opencode-stream.opencode-.*@1\.1\.31.*bin.opencode/)
  })

  it('says which release npm could not fetch', async () => {
    await expect(opencodeBinary('0.0.0-none')).rejects.toThrow(
      /npm install opencode-.*@0\.0\.0-none ended with 1/,
    )
  })
})
