'use strict'

// Runs in the Node of another platform: one turn on each route, on that platform's OpenCode. What came of it goes to a
// file, one JSON a line: Wine's Node cannot write to a pipe.
//
// `node turns.cjs <job.json>`: { index, executable, directory, env, routes, results, ends, go }

const { spawn } = require('node:child_process')
const { appendFileSync, existsSync, readFileSync } = require('node:fs')
const { createServer } = require('node:net')

const job = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const tell = (result) => appendFileSync(job.results, `${JSON.stringify(result)}\n`)
const own = { cliPath: job.executable, directory: job.directory, env: job.env }
const timeouts = { serverStart: 240_000, accept: 240_000, idle: 240_000, connect: 60_000 }

const ROUTES = {
  private: () => ({ mode: 'server', autostart: true, ...own }),
  acp: () => ({ mode: 'cli', cliProtocol: 'acp', ...own }),
  run: () => ({ mode: 'cli', cliProtocol: 'run', ...own }),
}

async function main() {
  const { OpenCode, generateStream } = require(job.index)
  tell({ loaded: true, node: process.versions.node, platform: `${process.platform}-${process.arch}` })
  if (job.ends) return waitInTool(new OpenCode(ROUTES.private()))
  for (const route of job.routes) await streamed(route, generateStream)
}

async function streamed(route, generateStream) {
  const started = Date.now()
  const server = route === 'server' ? await serve() : null
  try {
    const options = server ? { baseUrl: server.url, directory: job.directory } : ROUTES[route]()
    const prompt = route === 'run' ? 'Name three numbers.' : 'Count to three.'
    const stream = generateStream(prompt, { ...options, timeouts })
    let deltas = 0
    for await (const delta of stream) {
      deltas += 1
      tell({ delta, of: route })
    }
    const { text, finishReason, route: taken } = await stream.result
    const right = text === 'one two three' && finishReason === 'stop' && taken === route
    tell({ route, right, deltas, ms: Date.now() - started })
  } catch (error) {
    tell({ route, right: false, error: `${error.code ?? error.name}: ${error.message} ${error.cause ?? ''}` })
  } finally {
    server?.stop()
  }
}

/** A server that is not ours: started here, by hand. */
async function serve() {
  const port = await new Promise((done) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => done(port))
    })
  })
  const child = spawn(job.executable, ['serve', '--hostname', '127.0.0.1', '--port', String(port)], {
    cwd: job.directory,
    env: { ...process.env, ...job.env },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  // A request that comes before this line is never answered.
  await new Promise((listens, failed) => {
    child.stdout.on('data', (bytes) => String(bytes).includes('listening on') && listens())
    child.on('exit', () => failed(new Error('opencode serve ended before it listened')))
  })
  return { url: `http://127.0.0.1:${port}`, stop: () => child.kill('SIGKILL') }
}

/** Says how a tool of OpenCode fares, and ends as the job says once the file `go` is there. */
async function waitInTool(client) {
  const go = setInterval(() => existsSync(job.go) && end(client, go), 100)
  try {
    for await (const { type, status, output, error } of client.generateStream('wait', { timeouts }).events)
      if (type === 'tool') tell({ tool: status, said: String(error?.message ?? output ?? '').slice(0, 200) })
  } finally {
    clearInterval(go)
  }
}

async function end(client, timer) {
  clearInterval(timer)
  if (job.ends === 'exit') process.exit(0)
  await client.close()
  tell({ closed: true })
}

main().then(
  () => tell({ done: true }),
  (error) => tell({ done: true, error: String(error.stack) }),
)
