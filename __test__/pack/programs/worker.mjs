import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import turn from './turn.cjs'

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url))
  worker.on('message', (said) => console.log(JSON.stringify(said)))
  worker.on('error', (error) => {
    console.error(error)
    process.exitCode = 1
  })
} else {
  // The addon is loaded in the thread alone.
  await turn(await import('opencode-stream'), (said) => parentPort.postMessage(said))
}
