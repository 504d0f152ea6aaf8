// The loader in Node: files are decoded by sharp, batches written by worker threads.
import { type CreateLoader, type LoaderPlace, loaderOf } from '../../batches/loader.js'
import { decodeImageFile } from './decode.js'
import { WorkerPool } from './loader-pool.js'
import { decodeMaskFile } from './png-mask.js'

const place: LoaderPlace = {
  decode: decodeImageFile,
  decodeMask: decodeMaskFile,
  startPool: (workers, setup) => new WorkerPool(workers, setup),
}

/** Prepares the batches of a data set on threads of its own: order, augmentation, normalisation, all keyed by the seed,
 * so that they are the same for any number of threads. `dispose` it at the end. A usage error for options that make no
 * sense. */
export const createLoader: CreateLoader = (dataset, options) => loaderOf(place, dataset, options)
