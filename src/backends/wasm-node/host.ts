// The host of Node: files, and worker threads that do not keep the process alive while they wait.
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { DenseNetError } from '../../errors.js'
import type { Host } from '../wasm/host.js'

export const nodeHost: Host = {
  cores: availableParallelism(),
  alone: null,
  read: file =>
    readFile(file).catch((error: Error) => {
      throw new DenseNetError(`the wasm backend cannot be loaded (${error.message})`, {
        hint: 'in a clone of the repository build it with: npm run build:whole',
        cause: error,
      })
    }),
  start(heard, failed) {
    const worker = new Worker(new URL('./worker.js', import.meta.url))
    worker.unref()
    worker.on('message', answer => {
      worker.unref()
      heard(answer)
    })
    worker.on('error', error => failed(error.message))
    worker.on('exit', () => failed('it ended'))
    return {
      post(message) {
        worker.ref()
        worker.postMessage(message)
      },
      end: () => void worker.terminate(),
    }
  },
}
