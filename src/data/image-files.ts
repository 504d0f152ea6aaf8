// Data sets of a person's own images: a folder or a CSV list. Images are decoded when they are wanted, not before.
//
//   const { train, test } = await imageFiles('photos', { size: 224 })

import { resolve } from 'node:path'
import { parameterError, usageError } from '../errors.js'
import { permutation, randomStream } from '../util/random.js'
import type { FileDataset, Normalisation } from './dataset.js'
import { listImageCsv } from './image-csv.js'
import { type ImageList, isFolder, type LabelledFile, listImageFolder } from './image-folder.js'
import { type Preprocessing, standardPreprocessing } from './transforms/preprocess.js'
import { preprocessingSchema } from './transforms/schema.js'

/** How images of files get to a network's input. */
export interface ImageFilesOptions {
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

/** ImageNet's mean and deviation, as the original's (fb.resnet.torch, datasets/imagenet.lua). */
export const IMAGENET_NORMALISATION: Normalisation = {
  mean: [0.485, 0.456, 0.406].map(value => 255 * value),
  deviation: [0.229, 0.224, 0.225].map(value => 255 * value),
}

/** The mean of its three channels, for images of one, as timm's. */
export const GREY_NORMALISATION: Normalisation = { mean: [0.449 * 255], deviation: [0.226 * 255] }

/** Both splits of a folder (train/<class>/* and val/<class>/*, or <class>/*) or of a CSV list (path,label). Without a
 * split of its own, a tenth of each class is set aside, the same one for the same seed. */
export async function imageFiles(
  path: string,
  options: ImageFilesOptions = {},
): Promise<{ train: FileDataset; test: FileDataset }> {
  const folder = resolve(path)
  const list = await listImages(folder, options)
  const { train, test } = list.test ? { train: list.train, test: list.test } : split(list, options.seed ?? 0)
  if (train.length === 0) throw usageError(`${path} has no training images`)
  if (test.length === 0) {
    throw usageError(`${path} has too few images to set some aside`, 'give it a folder val, or two images of a class')
  }
  const make = datasetMaker(folder, list.classes, options)
  return { train: make('train', train), test: make('test', test) }
}

/** The images for evaluation, for a network that knows `classes`; `path` may lack some of these, and training images. */
export async function testImageFiles(
  path: string,
  options: ImageFilesOptions & { readonly classes?: readonly string[] } = {},
): Promise<FileDataset> {
  const folder = resolve(path)
  const list = await listImages(folder, options)
  const test = list.test ?? split(list, options.seed ?? 0).test
  if (test.length === 0) throw usageError(`${path} has no images to test with`)
  return datasetMaker(folder, list.classes, options)('test', test)
}

/** Names of the classes, without making data sets. */
export async function imageClasses(path: string): Promise<readonly string[]> {
  return (await listImages(resolve(path), {})).classes
}

async function listImages(
  path: string,
  options: { readonly classes?: readonly string[]; readonly signal?: AbortSignal },
): Promise<ImageList> {
  return (await isFolder(path)) ? listImageFolder(path, options) : listImageCsv(path, options)
}

/** Sets a tenth of each class aside (at least one, where there are two), and keeps the order of the rest. Images of several
 * classes go with the first of them, those of none together. */
function split({ classes, train }: ImageList, seed: number): { train: LabelledFile[]; test: LabelledFile[] } {
  const numbers: number[][] = Array.from({ length: classes.length + 1 }, () => [])
  train.forEach(({ label, labels }, i) => {
    numbers[labels?.length === 0 ? classes.length : label]!.push(i)
  })
  const aside = new Set<number>()
  numbers.forEach((own, label) => {
    const count = own.length < 2 ? 0 : Math.max(1, Math.round(own.length / 10))
    const order = permutation(own.length, randomStream(seed, 'split', label))
    for (const place of order.subarray(0, count)) aside.add(own[place]!)
  })
  return { train: train.filter((_, i) => !aside.has(i)), test: train.filter((_, i) => aside.has(i)) }
}

function datasetMaker(path: string, classes: readonly string[], options: ImageFilesOptions) {
  const { size = 224, channels = 3 } = options
  if (channels !== 1 && channels !== 3) throw parameterError('channels', '1 or 3', channels)
  const { normalisation = channels === 1 ? GREY_NORMALISATION : IMAGENET_NORMALISATION } = options
  if (!Number.isInteger(size) || size < 1) throw parameterError('size', 'a whole number of at least 1', size)
  const { preprocessing = standardPreprocessing(size) } = options
  const fits = preprocessingSchema.safeParse(preprocessing).success
  if (!fits || preprocessing.crop !== size || preprocessing.resize < size) {
    throw parameterError('preprocessing', `{ resize: at least ${size}, crop: ${size}, interpolation }`, preprocessing)
  }
  return (split: 'train' | 'test', files: readonly LabelledFile[]): FileDataset => {
    const labels = new Uint16Array(new SharedArrayBuffer(2 * files.length))
    files.forEach(({ label }, i) => {
      labels[i] = label
    })
    const targets = targetsOf(files, classes.length)
    const facts = { name: path, split, classes, channels, height: size, width: size, length: files.length, labels }
    const several = targets ? { targets } : {}
    return { ...facts, ...several, normalisation, files: files.map(({ file }) => file), preprocessing }
  }
}

/** [files][classes]; undefined where every image has one label. */
function targetsOf(files: readonly LabelledFile[], classes: number): Uint8Array | undefined {
  if (!files.some(({ labels }) => labels)) return undefined
  const targets = new Uint8Array(new SharedArrayBuffer(files.length * classes))
  files.forEach(({ labels = [] }, i) => {
    for (const label of labels) targets[i * classes + label] = 1
  })
  return targets
}
