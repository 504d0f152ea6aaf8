// The thread of hdf5.ts.
import { parentPort, workerData } from 'node:worker_threads'
import { readHdf5 } from '../interop/hdf5.js'

export interface Hdf5Job {
  readonly bytes: ArrayBuffer
  readonly file: string
}

const { bytes, file } = workerData as Hdf5Job
const content = readHdf5(bytes, file)
parentPort!.postMessage(
  content,
  content.datasets.map(({ data }) => data.buffer as ArrayBuffer),
)
