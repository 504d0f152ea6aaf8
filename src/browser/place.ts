// A browser, for trainings: batches are written between two steps, image files are Blobs, runs are kept in the origin's
// private file system.
import { type CreateLoader, loaderOf } from '../batches/loader.js'
import { DenseNetError } from '../errors.js'
import type { Place } from '../fitting/place.js'
import type { FileDataset } from '../images/dataset.js'
import { type Fingerprinting, identify } from '../images/identity.js'
import { Sha256 } from '../util/sha256.js'
import { decodeImage } from './decode.js'
import { web } from './platform.js'
import { createRun, openRun } from './run.js'

/** Lets messages come in: steps alone never do. */
const turn = (): Promise<void> =>
  new Promise(resolve => {
    const { port1, port2 } = new web.MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })

/** Of a browser's data set of files. */
function contentOf({ contents }: FileDataset, file: string): Blob {
  const content = contents?.get(file)
  if (content) return content
  throw new DenseNetError('its content is missing: in a browser a data set has its files as contents')
}

export const createWebLoader: CreateLoader = (dataset, options) => {
  const decode = async (file: string) =>
    decodeImage(new Uint8Array(await contentOf(dataset as FileDataset, file).arrayBuffer()))
  const loader = loaderOf({ decode, decodeMask: null, startPool: null }, dataset, options)
  return {
    ...loader,
    async *epoch(epoch, from) {
      for await (const batch of loader.epoch(epoch, from)) {
        await turn()
        yield batch
      }
    },
  }
}

const fingerprinting: Fingerprinting = {
  createHash: () => new Sha256(),
  async *filesOf(dataset) {
    for (const file of dataset.files) yield [file, contentOf(dataset, file).size]
  },
  pause: turn,
}

/** WebAssembly's addresses have 32 bits. */
const MOST_BYTES = 2 ** 32
const deviceBytes = (): number => Math.min(MOST_BYTES, (web.navigator.deviceMemory ?? 4) * 2 ** 30)

export const webPlace: Place = {
  createLoader: createWebLoader,
  decodeMask: null,
  identify: (train, test) => identify(train, test, fingerprinting),
  createRun,
  openRun,
  boards: null,
  machine: { program: 20e6, free: deviceBytes, all: () => MOST_BYTES },
}
