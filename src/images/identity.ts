// Whether a data set is still the one that it was, for a run that goes on: a SHA-256 over every byte of images in memory;
// over the name, size and class of each image file, which are too many bytes to be read for that.
import * as z from 'zod'
import { BLANK, type LabelReading, UNCERTAIN } from './class-columns.js'
import type { Dataset, FileDataset } from './dataset.js'

const CHUNK = 4 * 1024 * 1024

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

/** A SHA-256 in the making, as Node's. */
export interface Hash {
  update(data: string | Uint8Array): unknown
  digest(encoding: 'hex'): string
}

/** What of it differs from place to place. */
export interface Fingerprinting {
  createHash(): Hash
  /** Each file as it is called within the data set, and its bytes; -1: not there. */
  filesOf(dataset: FileDataset): AsyncIterable<readonly [name: string, bytes: number]>
  /** Lets other things happen in between. */
  pause(): Promise<unknown>
}

export async function identify(
  trainSet: Dataset,
  testSet: Dataset | null,
  how: Fingerprinting,
): Promise<DatasetIdentity> {
  return {
    name: trainSet.name,
    trainImages: trainSet.length,
    testImages: testSet?.length ?? 0,
    ...(testSet?.split === 'validation' ? { judgedBy: 'validation' as const } : {}),
    ...('files' in trainSet && trainSet.reading ? { reading: trainSet.reading } : {}),
    fingerprint: await fingerprint(testSet ? [trainSet, testSet] : [trainSet], how),
  }
}

/** Of all these data sets together, in their order. */
export async function fingerprint(datasets: readonly Dataset[], how: Fingerprinting): Promise<string> {
  const hash = how.createHash()
  /** Piece by piece. */
  const addBytes = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length; at += CHUNK) {
      hash.update(bytes.subarray(at, at + CHUNK))
      await how.pause()
    }
  }
  for (const dataset of datasets) {
    const { labels, targets, classes, length } = dataset
    hash.update(JSON.stringify({ classes, length }))
    await addBytes(new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength))
    if (targets) await addBytes(targets)
    if ('files' in dataset) for await (const file of how.filesOf(dataset)) hash.update(JSON.stringify(file))
    else await addBytes(dataset.images)
  }
  return hash.digest('hex')
}
