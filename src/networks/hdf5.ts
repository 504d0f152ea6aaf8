// HDF5 of strangers: read in a thread that is ended when it takes too long or too much.
import { Worker } from 'node:worker_threads'
import type { Hdf5Content } from '../interop/hdf5.js'
import { damaged } from '../interop/tensor.js'
import type { Hdf5Job } from './hdf5-worker.js'

/** A file of 100 MB takes some three seconds. */
const SECONDS = 30
const SECONDS_PER_BYTE = 1e-6
/** jsfive makes lists of numbers: 8 bytes each, twice while they grow. */
const HEAP_MB = 512
const HEAP_PER_BYTE = 8

export function isolatedHdf5(bytes: Uint8Array, file: string): Promise<Hdf5Content> {
  const job: Hdf5Job = { bytes: new Uint8Array(bytes).buffer, file }
  const seconds = SECONDS + bytes.length * SECONDS_PER_BYTE
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./hdf5-worker.js', import.meta.url), {
      workerData: job,
      transferList: [job.bytes],
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil(HEAP_MB + (HEAP_PER_BYTE * bytes.length) / 1e6) },
      stdout: true,
      stderr: true,
    })
    const fail = (why: string, cause?: unknown): void => {
      clearTimeout(timer)
      reject(damaged(file, why, cause))
    }
    const timer = setTimeout(() => {
      void worker.terminate()
      fail(`its end is not found in ${Math.round(seconds)} seconds`)
    }, seconds * 1000)
    worker.once('message', (content: Hdf5Content) => {
      clearTimeout(timer)
      resolve(content)
    })
    // jsfive throws texts as well as errors.
    worker.once('error', error => fail('HDF5 cannot be made sense of', error))
    worker.once('exit', code => fail(`its reader ended with ${code}`))
  })
}
