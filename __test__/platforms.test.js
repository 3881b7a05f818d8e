// What the scripts for other platforms say of them: `npm run verify:platforms`, `npm run rehearse:release`.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PREBUILT } from '../lib/addon.js'
import manifest from '../package.json' with { type: 'json' }
import { made, mustEndBy, prepare, Skip } from '../scripts/platforms/cache.js'
import { rewrite, table } from '../scripts/platforms/table.js'
import { CHECKED, LINKED, RUN } from '../scripts/platforms/targets.js'
import { platformOf } from '../scripts/rehearsal/publish.js'
import { failed } from '../scripts/verify-platforms.js'

// Not the user's own cache folder.
const cache = vi.hoisted(() => {
  process.env.XDG_CACHE_HOME = `${process.env.TMPDIR ?? '/tmp'}/opencode-stream-cache-${process.pid}`
  return process.env.XDG_CACHE_HOME
})
afterAll(() => rmSync(cache, { recursive: true, force: true }))

const cells = (line) =>
  line
    .split('|')
    .map((cell) => cell.trim())
    .slice(1, -1)
const rowsOf = (text) => text.split('\n').map(cells)

describe('the table of platforms', () => {
  const seen = { target: 't', built: true, loaded: true, server: true, ends: 'kill: left: sleep', date: 'D' }

  it('says yes only of what was seen, and else what went wrong', () => {
    const [head, , row] = rowsOf(table('', new Map([['linux-x64-musl', seen]])))
    const said = Object.fromEntries(head.map((name, at) => [name, row[at]]))
    expect(said).toMatchObject({ links: 'yes', server: 'yes', private: '–', ends: 'kill: left: sleep' })
  })

  it('never says yes of what was skipped', () => {
    const [, , row] = rowsOf(table('', new Map([['darwin-x64', { skipped: 'no apt', date: 'D' }]])))
    expect(row).not.toContain('yes')
    expect(row.join()).toMatch(/skipped.+no apt/)
  })

  it('keeps the rows of the platforms that were not tried this time', () => {
    const before = table('', new Map([['win32-x64', seen]]))
    const after = rowsOf(table(before, new Map([['linux-x64-musl', seen]])))
    expect(after.slice(2).map(([name]) => name)).toEqual(['linux-x64-musl', 'win32-x64'])
  })
})

describe('a platform', () => {
  it('has failed if anything that was tried is not as it should be, and not if it was skipped', () => {
    expect(failed({ checked: true })).toBe(false)
    expect(failed({ checked: 'does not compile' })).toBe(true)
    expect(failed({ built: true, notRun: 'no root' })).toBe(false)
    expect(failed({ built: true, loaded: true, server: 'a single delta' })).toBe(true)
    expect(failed({ skipped: 'no network' })).toBe(false)
  })

  it('is one of those that are published, and none of them is forgotten', () => {
    const here = 'linux-x64-gnu'
    const run = Object.values(RUN).map(({ addon }) => addon)
    const others = [...Object.keys(CHECKED), ...Object.keys(LINKED), ...run]
      .map((name) => name.replace(/^(win32-\w+)$/, '$1-msvc'))
      .concat(here)
    expect([...new Set(others)].sort()).toEqual(PREBUILT)
    expect(manifest.napi.targets.map(platformOf).sort()).toEqual(PREBUILT)
  })
})

describe('what is fetched', () => {
  afterEach(() => mustEndBy(Number.POSITIVE_INFINITY))

  it('is skipped with the words of the command if it cannot be had', () => {
    const script = 'console.error("no route to host"); process.exit(3)'
    expect(() => prepare(process.execPath, ['-e', script])).toThrow(Skip)
    expect(() => prepare(process.execPath, ['-e', script])).toThrow(/exit code 3 .*no route to host/)
    expect(() => prepare('no-such-command', [])).toThrow(Skip)
  })

  it('is skipped once time is up', () => {
    mustEndBy(0)
    expect(() => prepare(process.execPath, ['-e', ''])).toThrow(/out of time/)
  })

  it('leaves no half of a folder behind', () => {
    const whole = (fresh) => writeFileSync(join(fresh, 'whole'), '')
    expect(() =>
      made('half', () => {
        throw new Skip('no network')
      }),
    ).toThrow('no network')
    const folder = made('half', whole)
    expect(readdirSync(folder)).toEqual(['whole'])
    expect(made('half', () => expect.unreachable())).toBe(folder)
  })
})

describe('a page', () => {
  let folder
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'page-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('is rewritten between its two comments, and nowhere else', () => {
    const page = join(folder, 'page.md')
    writeFileSync(page, 'before\n<!-- it: begin -->\nold\n<!-- it: end -->\nafter\n')
    rewrite(page, 'it', (old) => `${old.trim()} and new`)
    expect(readFileSync(page, 'utf8')).toBe(
      'before\n<!-- it: begin -->\n\nold and new\n\n<!-- it: end -->\nafter\n',
    )
    expect(() => rewrite(page, 'other', String)).toThrow(/no place for the table 'other'/)
  })
})
