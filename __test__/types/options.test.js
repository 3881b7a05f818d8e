// The options are written down four times: lib/options.js reads them, lib/routes.js says which routes honour them, and
// index.d.ts and docs/routes.md tell people. They must agree.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { OPTIONS } from '../../lib/options.js'
import { request } from '../support/requests.mjs'

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const types = read('index.d.ts')
const ROUTES = ['server', 'private', 'acp', 'run']

/** The rows of the first table below `heading`: what it is about, and a cell for each route. */
function tableIn(text, heading) {
  const lines = text.slice(text.indexOf(heading)).split('\n')
  const start = lines.findIndex((line) => line.includes('| option '))
  const rows = lines.slice(start).map((line) => line.replace(/^ \* /, ''))
  return rows.slice(2, rows.findIndex((row) => !row.startsWith('|')) || undefined).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.replace(/ ?\[\^\d+\]/, '').trim()),
  )
}

const inTypes = tableIn(types, 'Honoured or refused').filter(([subject]) => subject.startsWith('`'))
const inDocs = tableIn(read('docs/routes.md'), '# Options by route')

/** A value that asks for something, by what a row of the table is about. */
const SAMPLES = {
  mode: 'auto',
  directory: '.',
  signal: AbortSignal.abort(),
  timeouts: 1,
  limits: { record: 1 },
  raw: true,
  baseUrl: 'http://127.0.0.1:1',
  serverUrl: 'http://127.0.0.1:1',
  username: 'me',
  password: 'secret',
  headers: { a: '1' },
  autostart: true,
  cliPath: 'opencode',
  env: { A: '1' },
  config: { theme: 'x' },
  cliProtocol: 'auto',
  sessionID: 'ses_1',
  continue: true,
  agent: 'plan',
  model: 'a/b',
  fork: true,
  variant: 'high',
  title: 'T',
  ephemeral: true,
  system: 'Rhyme.',
  tools: { bash: false },
  "permission: 'reject'": 'reject',
  "permission: 'allow'": 'allow',
  "permission: 'leave'": 'leave',
  "permission: 'event'": 'event',
  permission: () => 'once',
  "question: 'reject'": 'reject',
  "question: 'leave'": 'leave',
  "question: 'event'": 'event',
  question: () => 'reject',
  "onLeave: 'detach'": 'detach',
  files: ['a.txt'],
  schema: {},
  jsonRetries: 1,
}

function routesFor(name) {
  const option = name.replace(/:.*/, '')
  const beside = { fork: { continue: true }, username: { password: 'secret' } }[option]
  return request({ [option]: SAMPLES[name], ...beside }).routes
}

describe('every option', () => {
  it.each(Object.keys(OPTIONS))('%s is declared, and in both tables', (option) => {
    expect(types).toMatch(new RegExp(`^ {2}${option}\\??: `, 'm'))
    for (const table of [inTypes, inDocs])
      expect(table.some(([subject]) => subject.includes(`\`${option}`))).toBe(true)
  })
})

it('both tables say the same', () => {
  expect(inTypes).toEqual(inDocs)
})

describe('the tables say what becomes of', () => {
  const cases = inDocs.flatMap(([subject, ...cells]) =>
    [...subject.matchAll(/`([^`(]+)`/g)]
      .map(([, name]) => name)
      .filter((name) => name in SAMPLES)
      .map((name) => [name, cells]),
  )

  it.each(cases)('%s', (name, cells) => {
    const honoured = ROUTES.filter((_, at) => !/^no\b(?!t)/.test(cells[at]))
    expect(routesFor(name)).toEqual(honoured)
  })

  it('all that there is', () => {
    expect(cases.map(([name]) => name).sort()).toEqual(Object.keys(SAMPLES).sort())
  })
})
