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
    const stream = generateStream('Count to three.', { ...options, timeouts })
    let deltas = 0
    for await (const _ of stream) deltas += 1
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

/** Says when a tool of OpenCode runs, and then ends as the job says, once the file `go` is there. */
async function waitInTool(client) {
  for await (const event of client.generateStream('wait', { timeouts }).events) {
    if (event.type !== 'tool' || event.status !== 'running') continue
    tell({ toolRuns: true })
    while (!existsSync(job.go)) await new Promise((later) => setTimeout(later, 100))
    if (job.ends === 'exit') process.exit(0)
    await client.close()
    tell({ closed: true })
    break
  }
}

main().then(
  () => tell({ done: true }),
  (error) => tell({ done: true, error: String(error.stack) }),
)
