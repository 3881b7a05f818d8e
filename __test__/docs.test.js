// What the pages say that can be looked up: links, commands, files, code, releases.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { exampleFiles } from './support/example-files.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const read = (page) => readFileSync(join(ROOT, page), 'utf8')
const all = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found)

const PAGES = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'bench/README.md'],
  ...readdirSync(join(ROOT, 'docs'), { recursive: true })
    .map((name) => `docs/${name.replaceAll('\\', '/')}`)
    // What is generated has anchors of its own, and its generator looks after them.
    .filter((name) => name.endsWith('.md') && !name.startsWith('docs/api/')),
]

/** As web pages of repositories make them out of headings. */
const anchorsOf = (text) =>
  all(text, /^#+ (.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  )

const { scripts } = JSON.parse(read('package.json'))
const code = (text) => all(text, /^```js\n([\s\S]*?)^```$/gm)

/** Without the indentation that all lines share, and which lines of an example may have and its quotation not. */
const flat = (text) => text.replace(/^ +/gm, '')

describe.each(PAGES)('%s', (page) => {
  const text = read(page)

  it('has no link that leads nowhere', () => {
    const links = all(text, /\]\(([^)\s]+)\)/g).filter((link) => !/^(https?:|mailto:)/.test(link))
    const dead = links.filter((link) => {
      const [path, anchor] = link.split('#')
      const file = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path)
      if (!existsSync(file)) return true
      return anchor && file.endsWith('.md') && !anchorsOf(read(relative(ROOT, file))).includes(anchor)
    })
    expect(dead).toEqual([])
  })

  it('names commands that there are, and tests that there are', () => {
    const commands = all(text, /npm run ([\w:-]+)/g)
    expect(commands.filter((name) => !(name in scripts))).toEqual([])
    const tests = all(text, /npm test -- (__test__\/[\w./-]+)/g).filter((name) => !name.includes('FILE'))
    expect(tests.filter((name) => !existsSync(join(ROOT, name)))).toEqual([])
  })
})

describe('README.md', () => {
  const readme = read('README.md')

  it('shows code that is run: that of the examples, or of the guide to testing', () => {
    const examples = exampleFiles()
      .filter((name) => /\.(mjs|js|ts)$/.test(name))
      .map((name) => flat(read(join('examples', name))))
    const run = [...examples, ...code(read('docs/testing.md')).map(flat)]
    const blocks = code(readme).map(flat)
    expect(blocks.length).toBeGreaterThan(5)
    expect(blocks.filter((block) => !run.some((program) => program.includes(block)))).toEqual([])
  })

  it('names the two commands, and they are the first that it names', () => {
    expect(readme.indexOf('## Set-up')).toBeGreaterThan(0)
    expect(all(readme, /^\| `(npm .+?)` +\|/gm).slice(0, 2)).toEqual(['npm run demo', 'npm test'])
  })

  it('names the releases that the page of the status names', () => {
    const [, releases] = /The tests run on OpenCode ([\d., and]+),/.exec(readme)
    const status = read('docs/streaming-status.md')
    for (const release of releases.match(/\d+\.\d+\.\d+/g)) expect(status).toContain(release)
  })

  it('names every platform that is published', () => {
    const { napi } = JSON.parse(read('package.json'))
    const platforms = read('docs/platforms.md')
    expect(all(platforms, /`opencode-stream-((?:linux|darwin|win32)-[\w-]+)`/g)).toHaveLength(
      napi.targets.length,
    )
  })
})

/** Each task that people come with: its program in examples/, and the section that shows it. */
const TASKS = [
  ['hello.mjs', 'README.md', 'An example'],
  ['asks.mjs', 'README.md', 'Asks'],
  ['web/turns.mjs', 'docs/web.md', 'What the agent asks'],
  ['ci.mjs', 'docs/errors.md', 'In a script'],
  ['errors.mjs', 'README.md', 'Errors'],
  ['wrong-model.mjs', 'docs/errors.md', 'A wrong model'],
  ['killed-server.mjs', 'docs/errors.md', 'An ask, and the server is killed'],
  ['vitest/opencode.test.js', 'docs/testing.md', 'Testing with `opencode-stream/testing`'],
  ['ai-sdk/use-chat.mjs', 'docs/ai-sdk.md', 'Conversations'],
  ['strict.mts', 'docs/typescript.md', 'In a strict project'],
  ['conversation.mjs', 'docs/sessions.md', 'A conversation'],
  ['signals.mjs', 'docs/sessions.md', 'SIGTERM'],
  ['run-on.mjs', 'docs/sessions.md', 'Let it run on'],
]

/** From a heading to the next one of its level or above. */
function section(page, heading) {
  const lines = read(page).split('\n')
  const at = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading)
  const level = /^#*/.exec(lines[at])[0].length
  const after = lines.findIndex((line, index) => index > at && new RegExp(`^#{1,${level}} `).test(line))
  return lines.slice(at, after === -1 ? lines.length : after)
}

describe('a task', () => {
  it.each(TASKS)('%s is shown in %s, and no longer than its section "%s"', (program, page, heading) => {
    const lines = section(page, heading)
    // The README's sections have theirs by the same name; what they show of them is looked at above.
    if (page !== 'README.md') expect(lines.join('\n')).toContain(`examples/${program})`)
    const length = read(join('examples', program)).trimEnd().split('\n').length
    expect(length).toBeLessThanOrEqual(lines.length)
  })
})

describe('docs/decisions', () => {
  const folder = 'docs/decisions'
  const pages = readdirSync(join(ROOT, folder)).filter((name) => name !== 'README.md')

  it('gives each number once', () => {
    const numbers = pages.map((name) => name.slice(0, 4))
    expect(numbers.filter((number, at) => numbers.indexOf(number) !== at)).toEqual([])
  })

  it.each(pages)('lists %s, with its title, its status and its date', (name) => {
    const [, title, status, date] = /^# (\d{4} .+)\n\n(Accepted|Superseded by .+), (\d{4}-\d\d-\d\d)\n/.exec(
      read(join(folder, name)),
    )
    expect(title.slice(0, 4)).toBe(name.slice(0, 4))
    const [row] = read(join(folder, 'README.md'))
      .split('\n')
      .filter((line) => line.includes(`](${name})`))
    expect(row.split('|').map((cell) => cell.trim())).toEqual([
      ...['', `[${title}](${name})`, status.toLowerCase(), date, ''],
    ])
  })
})
