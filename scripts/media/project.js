'use strict'

const { execFileSync } = require('node:child_process')
const { writeFileSync } = require('node:fs')
const path = require('node:path')
const { reasoning, text, toolCall, usage } = require('../../testing/index.js')

const AUTHOR = '-c user.name=Baker -c user.email=baker@bakery.test'
const PACKAGE = { name: 'bakery', scripts: { start: 'node server.js', test: 'node --test' } }
const SERVER = `import { createServer } from 'node:http'

createServer((request, response) => response.end('Fresh bread')).listen(8080)
`

const PROMPT = 'How do I start this project, and on which port?'
const PROSE = `Run \`npm start\`. It starts server.js with Node, and that listens on port 8080:

    npm start
    curl http://127.0.0.1:8080

The port is in the last line of server.js; nothing reads PORT from the environment.`

/** What a tokenizer would make of it, near enough. */
const ANSWER = PROSE.match(/\s*[^\s]{1,6}|\s+/g)

function projectToAskAbout(directory) {
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify(PACKAGE, null, 2))
  writeFileSync(path.join(directory, 'server.js'), SERVER)
  // Of a repository OpenCode names files from its root, of anything else from that of the disk.
  for (const words of ['init --quiet', 'add .', `${AUTHOR} commit --quiet --message=Bakery`])
    execFileSync('git', words.split(' '), { cwd: directory })
}

/** The turn of both pictures: it thinks, looks at two files, and answers, token by token as `how` says, and calls a tool. */
function scriptTurn({ model, directory }, how, ...calls) {
  const read = (name) => toolCall('read', { filePath: path.join(directory, name) })
  const thoughts = ['The ', 'scripts ', 'will ', 'say ', 'how ', 'it ', 'is ', 'started.']
  model.reply(reasoning(thoughts, { pace: 120 }), read('package.json'))
  model.reply(reasoning(['And ', 'the ', 'port?'], { pace: 120 }), read('server.js'))
  model.reply(text(ANSWER, how), ...calls, usage({ input: 1_874, output: 96 }))
}

module.exports = { ANSWER, PROMPT, projectToAskAbout, scriptTurn }
