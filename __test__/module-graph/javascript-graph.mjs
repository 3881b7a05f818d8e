// The graph of the JavaScript sources, as esbuild sees their `require` and `import`: which file uses which other one.
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A map from each of `files`, and all they use, to `{ files: Set }`; paths are those from the root of the project. */
export async function javascriptGraph(files, root = ROOT) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: files,
    bundle: true,
    metafile: true,
    write: false,
    outdir: 'nowhere',
    platform: 'node',
    packages: 'external',
    // What is generated has no imports of ours.
    external: ['*.node'],
    logLevel: 'silent',
  })
  const used = (imports) => imports.filter(({ external }) => !external).map(({ path }) => path)
  return new Map(
    Object.entries(metafile.inputs).map(([file, { imports }]) => [file, { files: new Set(used(imports)) }]),
  )
}
