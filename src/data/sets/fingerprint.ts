// Whether a data set is still the one that it was, for a run that goes on: a SHA-256 over every byte of images in memory;
// over the name, size and class of each image file, which are too many bytes to be read for that.
import { createHash, type Hash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { relative } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import { BLANK, type LabelReading, UNCERTAIN } from '../../images/class-columns.js'
import type { Dataset } from '../../images/dataset.js'

const CHUNK = 4 * 1024 * 1024
/** How many files are asked about at once. */
const TOGETHER = 64

export const identitySchema = z.strictObject({
  name: z.string(),
  trainImages: z.int(),
  testImages: z.int(),
  /** Of both; absent in checkpoints from before there was one. */
  fingerprint: z.string().optional(),
  /** Whether training watched the validation images of the data set, not its test images. */
  judgedBy: z.literal('validation').optional(),
  /** Of a list with a column for each class: how its labels were read. */
  reading: z.strictObject({ uncertain: z.enum(UNCERTAIN).nullable(), blank: z.enum(BLANK) }).optional(),
})

/** What a run was trained on, to recognise it. */
export interface DatasetIdentity extends Readonly<Omit<z.infer<typeof identitySchema>, 'reading'>> {
  readonly reading?: LabelReading | undefined
}

export async function identify(trainSet: Dataset, testSet: Dataset | null): Promise<DatasetIdentity> {
  return {
    name: trainSet.name,
    trainImages: trainSet.length,
    testImages: testSet?.length ?? 0,
    ...(testSet?.split === 'validation' ? { judgedBy: 'validation' as const } : {}),
    ...('files' in trainSet && trainSet.reading ? { reading: trainSet.reading } : {}),
    fingerprint: await fingerprint(testSet ? [trainSet, testSet] : [trainSet]),
  }
}

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
