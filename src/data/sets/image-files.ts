// Data sets of a person's own images: a folder or a CSV list. Images are decoded when they are wanted, not before.
//
//   const { train, test } = await imageFiles('photos', { size: 224 })

import { resolve } from 'node:path'
import { parameterError, usageError } from '../../errors.js'
import type { LabelReading } from '../../images/class-columns.js'
import { type FileDataset, MISSING, type Normalisation } from '../../images/dataset.js'
import { GREY_NORMALISATION, IMAGENET_NORMALISATION } from '../../images/standard-normalisation.js'
import { type Preprocessing, standardPreprocessing } from '../../images/transforms/preprocess.js'
import { preprocessingSchema } from '../../images/transforms/schema.js'
import { permutation, randomStream } from '../../util/random.js'
import { fingerprint } from './fingerprint.js'
import { listImageCsv } from './image-csv.js'
import { type ImageList, type ImagePart, isFolder, type LabelledFile, listImageFolder } from './image-folder.js'

/** How images of files get to a network's input. */
export interface ImageFilesOptions extends LabelReading {
  /** Pixels on each side of the square that the network reads; default 224. */
  readonly size?: number
  /** 3, or 1 for a network of grey images; coloured files become grey as Pillow's convert('L') makes them. Default 3. */
  readonly channels?: number
  /** How images get there when they are evaluated; default: in proportion to 256 -> 224, bicubic. */
  readonly preprocessing?: Preprocessing
  /** Default: ImageNet's; of one channel the mean of its three. */
  readonly normalisation?: Normalisation
  /** Chooses the tenth of each class that is set aside when the images come without a split; default 0. */
  readonly seed?: number
  readonly signal?: AbortSignal
}

/** The images of a folder or a list, by what they are for. */
export interface ImageFiles {
  readonly train: FileDataset
  /** What training is to watch: the validation images; where there are none, those of `test`. */
  readonly validation: FileDataset
  /** What the result is to be measured by: the test images; where there are none, those of `validation`. */
  readonly test: FileDataset
  /** What was there and is not used, in words. */
  readonly unused: readonly string[]
  /** What was decided of paths and labels, in words. */
  readonly decided: readonly string[]
}

/** All splits of a folder (train/<class>/*, val/<class>/* and test/<class>/*, or only <class>/*) or of a CSV list
 * (path,label). Without images to judge by, a tenth of each class is set aside, the same one for the same seed. `where` of
 * each says which images it has. */
export async function imageFiles(path: string, options: ImageFilesOptions = {}): Promise<ImageFiles> {
  const folder = resolve(path)
  const list = await listImages(folder, options)
  const { parts, unused, decided = [] } = list
  const { train: own, validation, test } = parts
  const make = datasetMaker(folder, list, options)
  const judged = validation ?? test
  const aside = judged ? null : split(list, options.seed ?? 0)
  const train = aside?.train ?? own
  if (!train || train.files.length === 0) throw usageError(`${path} has no training images`)
  if (aside?.test.files.length === 0) {
    throw usageError(`${path} has too few images to set some aside`, 'give it a folder val, or two images of a class')
  }
  const watched = make(validation ? 'validation' : 'test', judged ?? aside!.test)
  return {
    train: make('train', train),
    validation: watched,
    test: validation && test ? make('test', test) : watched,
    unused,
    decided,
  }
}

export interface TestImageOptions extends ImageFilesOptions {
  /** Those that a network knows; the images may lack some. */
  readonly classes?: readonly string[]
  /** What the network was trained on. Where this is the same, without images of its own to judge by, it is tested on those
   * that were set aside from training with `seed`. */
  readonly trainedOn?: { readonly name: string; readonly fingerprint?: string | undefined } | null | undefined
}

/** The images to test a network with: the test images; where there are none, the validation images; without any split, all
 * of them (but see `trainedOn`). `where` says which it has become. */
export async function testImageFiles(path: string, options: TestImageOptions = {}): Promise<FileDataset> {
  const folder = resolve(path)
  const list = await listImages(folder, options)
  const { parts } = list
  const make = datasetMaker(folder, list, options)
  if (parts.test) return make('test', parts.test)
  if (parts.validation) return make('validation', parts.validation)
  const { trainedOn = null } = options
  if (trainedOn) {
    const { train, test } = split(list, options.seed ?? 0)
    const aside = make('test', test)
    // A folder may have moved, or have a link to it.
    const unchanged = (await fingerprint([make('train', train), aside])) === trainedOn.fingerprint
    if (unchanged || folder === trainedOn.name) {
      if (aside.length === 0) throw usageError(`${path} has no images that were set aside from training`)
      if (unchanged || trainedOn.fingerprint === undefined) return aside
      const changed = 'the images have changed since training, which may have seen some of these'
      return { ...aside, where: `${aside.where}; ${changed}` }
    }
  }
  const all = parts.all ?? parts.train
  if (!all || all.files.length === 0) throw usageError(`${path} has no images to test with`)
  return make('test', all)
}

async function listImages(
  path: string,
  options: { readonly classes?: readonly string[]; readonly signal?: AbortSignal } & LabelReading,
): Promise<ImageList> {
  return (await isFolder(path)) ? listImageFolder(path, options) : listImageCsv(path, options)
}

/** Sets a tenth of each class aside (at least one, where there are two), and keeps the order of the rest. Images of several
 * classes go with the first of them, those of none together. */
function split({ classes, parts }: ImageList, seed: number): { train: ImagePart; test: ImagePart } {
  const { files, where } = parts.all ?? parts.train ?? { files: [], where: '' }
  const numbers: number[][] = Array.from({ length: classes.length + 1 }, () => [])
  files.forEach(({ label, labels }, i) => {
    numbers[labels?.length === 0 ? classes.length : label]!.push(i)
  })
  const aside = new Set<number>()
  numbers.forEach((own, label) => {
    const count = own.length < 2 ? 0 : Math.max(1, Math.round(own.length / 10))
    const order = permutation(own.length, randomStream(seed, 'split', label))
    for (const place of order.subarray(0, count)) aside.add(own[place]!)
  })
  return {
    train: { files: files.filter((_, i) => !aside.has(i)), where: `${where} but a tenth of each class` },
    test: { files: files.filter((_, i) => aside.has(i)), where: `a tenth of each class, set aside by seed ${seed}` },
  }
}

function datasetMaker(path: string, { classes, reading, decided = [] }: ImageList, options: ImageFilesOptions) {
  const { size = 224, channels = 3 } = options
  if (channels !== 1 && channels !== 3) throw parameterError('channels', '1 or 3', channels)
  const { normalisation = channels === 1 ? GREY_NORMALISATION : IMAGENET_NORMALISATION } = options
  if (!Number.isInteger(size) || size < 1) throw parameterError('size', 'a whole number of at least 1', size)
  const { preprocessing = standardPreprocessing(size) } = options
  const fits = preprocessingSchema.safeParse(preprocessing).success
  if (!fits || preprocessing.crop !== size || preprocessing.resize < size) {
    throw parameterError('preprocessing', `{ resize: at least ${size}, crop: ${size}, interpolation }`, preprocessing)
  }
  return (split: FileDataset['split'], { files, where }: ImagePart): FileDataset => {
    const labels = new Uint16Array(new SharedArrayBuffer(2 * files.length))
    files.forEach(({ label }, i) => {
      labels[i] = label
    })
    const targets = targetsOf(files, classes.length)
    const facts = { name: path, split, classes, channels, height: size, width: size, length: files.length, labels }
    const several = {
      ...(targets ? { targets } : {}),
      ...(reading ? { reading } : {}),
      ...(decided.length > 0 ? { decided } : {}),
    }
    return { ...facts, ...several, where, normalisation, files: files.map(({ file }) => file), preprocessing }
  }
}

/** [files][classes]: 1, 0, or MISSING; undefined where every image has one label. */
function targetsOf(files: readonly LabelledFile[], classes: number): Uint8Array | undefined {
  if (!files.some(({ labels }) => labels)) return undefined
  const targets = new Uint8Array(new SharedArrayBuffer(files.length * classes))
  files.forEach(({ labels = [], missing = [] }, i) => {
    for (const label of labels) targets[i * classes + label] = 1
    for (const label of missing) targets[i * classes + label] = MISSING
  })
  return targets
}
