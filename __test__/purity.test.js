// The pure folders stay pure: what they decide can be replayed from bytes, without a clock or a socket.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const IMPURE =
  /\b(napi|tokio|reqwest|futures)::|\bstd::(process|env|net|fs|thread|os)\b|Instant::now|SystemTime/

const sources = ['src/framing', 'src/protocol'].flatMap((folder) =>
  readdirSync(`${root}${folder}`, { recursive: true })
    .filter((name) => name.endsWith('.rs') && !/tests(\.rs$|\/)/.test(name))
    .map((name) => `${folder}/${name}`),
)

describe('the pure core', () => {
  it('is where it is looked for', () => {
    expect(sources).toContain('src/protocol/turn/mod.rs')
    expect(sources).toContain('src/framing/sse.rs')
  })

  it.each(sources)('%s touches no socket, process, clock or JavaScript', (source) => {
    const [code] = readFileSync(`${root}${source}`, 'utf8').split('#[cfg(test)]')
    expect(code).not.toMatch(IMPURE)
  })

  it('builds without the crates that do', () => {
    const manifest = readFileSync(`${root}Cargo.toml`, 'utf8')
    for (const crate of ['napi', 'tokio', 'reqwest']) {
      expect(manifest).toMatch(new RegExp(`^${crate} = .*optional = true`, 'm'))
    }
  })
})
