// A thread in Node.
import { parentPort } from 'node:worker_threads'
import { createListener } from '../wasm/thread.js'

parentPort!.on(
  'message',
  createListener(answer => parentPort!.postMessage(answer)),
)
