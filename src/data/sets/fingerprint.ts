// Whether a data set is still the one that it was, for a run that goes on: a SHA-256 over every byte of images in memory;
// over the name, size and class of each image file, which are too many bytes to be read for that.
import { createHash, type Hash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { relative } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Dataset } from '../../images/dataset.js'

const CHUNK = 4 * 1024 * 1024
/** How many files are asked about at once. */
const TOGETHER = 64

/** Of all these data sets together, in their order. */
export async function fingerprint(datasets: readonly Dataset[]): Promise<string> {
  const hash = createHash('sha256')
  for (const dataset of datasets) {
    const { labels, targets, classes, length } = dataset
    hash.update(JSON.stringify({ classes, length }))
    await addBytes(hash, new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength))
    if (targets) await addBytes(hash, targets)
    if ('files' in dataset) await addFiles(hash, dataset.files, dataset.name)
    else await addBytes(hash, dataset.images)
  }
  return hash.digest('hex')
}

/** Piece by piece: other things happen in between. */
async function addBytes(hash: Hash, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += CHUNK) {
    hash.update(bytes.subarray(at, at + CHUNK))
    await setImmediate()
  }
}

async function addFiles(hash: Hash, files: readonly string[], folder: string): Promise<void> {
  for (let at = 0; at < files.length; at += TOGETHER) {
    const some = files.slice(at, at + TOGETHER)
    const sizes = await Promise.all(
      some.map(file =>
        stat(file).then(
          ({ size }) => size,
          () => -1,
        ),
      ),
    )
    // Relative: a folder may have moved.
    for (const [i, file] of some.entries()) hash.update(JSON.stringify([relative(folder, file), sizes[i]]))
  }
}
