// What is published: which files, what package.json promises, and what two linters of packages say.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import addon from '../../lib/addon.js'
import { npm } from './npm.mjs'
import { ROOT } from './tarballs.mjs'

const { root, platform } = inject('tarballs')
const project = inject('project')
const read = (...place) => JSON.parse(readFileSync(join(project, 'node_modules', ...place), 'utf8'))
const manifest = read('opencode-stream', 'package.json')

const filesIn = (folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(ROOT, join(parentPath, name)).replaceAll('\\', '/'))

/** Both give out a finding as a failure. */
const lint = (bin, ...words) =>
  execFileSync(process.execPath, [join(ROOT, 'node_modules', bin), ...words], { encoding: 'utf8' })

/** Without its mere suggestions: `type` would make scripts of our tests, which are written as modules. */
const publint = ({ file }) => lint('publint/src/cli.js', 'run', file, '--strict', '--level', 'warning')

describe('the root package', () => {
  it('holds what is needed to run it, and nothing else', () => {
    const expected = [
      ...['LICENSE', 'README.md', 'package.json'],
      ...['binding.d.ts', 'binding.js', 'index.d.ts', 'index.js'],
      ...['ai-sdk', 'bin', 'lib', 'testing'].flatMap(filesIn),
    ]
    expect(root.files).toEqual(expected.sort())
    expect(root.files.filter((file) => !/\.(js|d\.ts|json|md)$|^LICENSE$/.test(file))).toEqual([])
  })

  it('depends on nothing but the addons, one for each platform; `ai` is for those who have it', () => {
    expect(manifest).not.toHaveProperty('dependencies')
    // The AI SDK is only wanted by who imports `opencode-stream/ai-sdk`, and they have it.
    const optional = Object.entries(manifest.peerDependenciesMeta).filter(([, { optional }]) => optional)
    expect(Object.keys(manifest.peerDependencies)).toEqual(['ai'])
    expect(optional.map(([name]) => name)).toEqual(['ai'])
    expect(existsSync(join(project, 'node_modules/ai'))).toBe(false)
    expect(manifest.optionalDependencies).toEqual(
      Object.fromEntries(addon.PREBUILT.map((name) => [`opencode-stream-${name}`, manifest.version])),
    )
  })

  it('runs nothing when it is installed', () => {
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) {
      expect(manifest.scripts ?? {}).not.toHaveProperty(name)
    }
    expect(existsSync(join(project, 'node_modules/opencode-stream/binding.gyp'))).toBe(false)
  })

  it('carries the licence of whatever is bundled in it', () => {
    const bundle = readFileSync(join(project, 'node_modules/opencode-stream/lib/vendor/ajv.js'), 'utf8')
    expect(bundle.match(/Permission is hereby granted|Redistribution and use/g)).toHaveLength(5)
    for (const name of ['ajv', 'ajv-formats', 'fast-deep-equal', 'fast-uri', 'json-schema-traverse'])
      expect(bundle).toMatch(new RegExp(`^${name} \\d`, 'm'))
  })

  it('brings a command that npx finds', () => {
    const ran = (...words) => npm(['exec', '--offline', '--', 'opencode-stream', ...words], { cwd: project })
    expect(ran('--version')).toBe(`${manifest.version}\n`)
    expect(ran('--help')).toMatch(/^Usage: opencode-stream /)
  })

  it('asks for the Node that we try it on first', () => {
    expect(manifest.engines).toEqual({ node: '>=20.19' })
  })

  it('has types and code behind every entry, for `import` and `require` alike', async () => {
    const require = createRequire(join(project, 'main.js'))
    for (const [entry, target] of Object.entries(manifest.exports)) {
      for (const file of typeof target === 'string' ? [target] : Object.values(target)) {
        expect(existsSync(join(project, 'node_modules/opencode-stream', file)), file).toBe(true)
      }
      const name = join('opencode-stream', entry)
      const imported = await import(require.resolve(name), {
        with: entry.endsWith('.json') ? { type: 'json' } : {},
      })
      expect(imported.default).toEqual(require(name))
    }
  })

  it('brings the command', () => {
    const name = `opencode-stream${process.platform === 'win32' ? '.cmd' : ''}`
    const shown = execFileSync(join(project, 'node_modules/.bin', name), ['--version'], {
      encoding: 'utf8',
      shell: process.platform === 'win32',
    })
    expect(shown).toBe(`${manifest.version}\n`)
  })

  it('has no complaint from publint', () => {
    expect(publint(root)).toContain('All good')
  })

  it('has types that are right for every kind of module resolution (attw)', () => {
    expect(lint('@arethetypeswrong/cli/dist/index.js', root.file, '--no-emoji')).toContain(
      'No problems found',
    )
  })
})

describe('the package of this platform', () => {
  it('holds the addon alone, and says whom it is for', () => {
    const { name, version, os, cpu, main, files, engines } = read(platform.name, 'package.json')
    expect({ name, version, os, cpu }).toEqual({
      name: platform.name,
      version: manifest.version,
      os: [process.platform],
      cpu: [process.arch],
    })
    expect(files).toEqual([main])
    expect(platform.files.sort()).toEqual(['README.md', main, 'package.json'].sort())
    expect(engines).toEqual(manifest.engines)
  })

  it('is a release build, stripped', () => {
    expect(platform.unpackedSize).toBeLessThan(9 * 1024 * 1024)
  })

  it('has no complaint from publint', () => {
    expect(publint(platform)).toContain('All good')
  })
})
