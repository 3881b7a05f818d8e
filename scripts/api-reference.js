'use strict'

// `npm run docs:api` writes docs/api from the types; `npm run docs:api -- --check` says whether it is still theirs.

const { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { fromNpm } = require('../testing/npm-package.js')
const { ROOT, announce, run } = require('./steps.js')

const PLACE = path.join(ROOT, 'docs', 'api')
// Not dev dependencies: typedoc reads types with TypeScript's old compiler, and we compile with the new one.
const TOOLS = ['typedoc@0.28.20', 'typedoc-plugin-markdown@4.14.1', 'typescript@5.9.3']

async function writeReference(out = PLACE) {
  const typedoc = await fromNpm(TOOLS, path.join('typedoc', 'bin', 'typedoc'))
  const plugin = path.resolve(typedoc, '../../../typedoc-plugin-markdown/dist/index.js')
  const words = ['--options', 'scripts/typedoc.json', '--plugin', plugin, '--out', out]
  run(process.execPath, typedoc, ...words, '--logLevel', 'Warn', '--treatWarningsAsErrors')
}

async function checkReference() {
  announce('The API reference is that of the types')
  const fresh = mkdtempSync(path.join(tmpdir(), 'opencode-api-'))
  try {
    await writeReference(fresh)
    const outdated = filesOf(fresh, PLACE).filter((name) => read(fresh, name) !== read(PLACE, name))
    if (outdated.length === 0) return
    console.error(
      `FAILED: outdated in docs/api: ${outdated.join(', ')}. Run \`npm run docs:api\` and commit.`,
    )
    process.exitCode = 1
  } finally {
    rmSync(fresh, { recursive: true })
  }
}

const filesOf = (...folders) => [
  ...new Set(folders.filter(existsSync).flatMap((each) => readdirSync(each, { recursive: true }))),
]

function read(folder, name) {
  const file = path.join(folder, name)
  return existsSync(file) && name.endsWith('.md') ? readFileSync(file, 'utf8') : undefined
}

if (process.argv.includes('--check')) checkReference()
else writeReference()
