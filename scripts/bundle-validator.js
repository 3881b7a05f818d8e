'use strict'

// Makes lib/vendor/ajv.js: the validator of JSON Schema, in one file with its licences, so that the
// package depends on nothing at run time. Run it after a change of version; a test compares.

const fs = require('node:fs')
const path = require('node:path')
const { buildSync } = require('esbuild')

const ROOT = path.resolve(__dirname, '..')
const BUNDLE = path.join(ROOT, 'lib', 'vendor', 'ajv.js')

function bundle() {
  const { outputFiles, metafile } = buildSync({
    stdin: {
      contents: `
        module.exports = {
          Draft07: require('ajv').default,
          Draft2019: require('ajv/dist/2019').default,
          Draft2020: require('ajv/dist/2020').default,
          addFormats: require('ajv-formats').default,
        }`,
      resolveDir: ROOT,
    },
    absWorkingDir: ROOT,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    write: false,
    metafile: true,
  })
  return `${notice(metafile)}\n${outputFiles[0].text}`
}

/** Each package that went in, with its licence in full. */
function notice({ inputs }) {
  const names = new Set(
    Object.keys(inputs).flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []),
  )
  const texts = [...names].sort().map((name) => {
    const folder = path.join(ROOT, 'node_modules', name)
    const { version } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))
    const licence = fs.readFileSync(path.join(folder, 'LICENSE'), 'utf8').trim()
    return `${name} ${version}\n\n${licence}`
  })
  return `/*\nMade by scripts/bundle-validator.js; not edited. It contains:\n\n${texts.join('\n\n----\n\n').replaceAll('*/', '* /')}\n*/`
}

module.exports = { BUNDLE, bundle }

if (require.main === module) {
  fs.mkdirSync(path.dirname(BUNDLE), { recursive: true })
  fs.writeFileSync(BUNDLE, bundle())
}
