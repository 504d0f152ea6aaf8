// The data sets by name: what is known of them, bringing them, and reading them into memory that worker threads share.
//
//   const train = await loadDataset('cifar10', { split: 'train' })
//   const { train, test } = await cifar10()

import { DenseNetError, parameterError } from '../../errors.js'
import type { ArrayDataset } from '../../images/dataset.js'
import { type DatasetInfo, type DatasetName, datasetInfo } from '../../images/info.js'
import { dataFolder, findDataset, type Location, readVerified, readVerifiedInChunks } from '../bringing/cache.js'
import { type Prepared, type PrepareOptions, prepareFiles, repairHint } from '../bringing/prepare.js'
import { type DataFile, SOURCES } from '../bringing/sources.js'
import { countCifarRecords, readCifarRecords } from './cifar.js'
import { readIdxPair } from './idx.js'
import { readSvhnFile, setValidationAside, validationImages } from './svhn.js'

export { type DatasetInfo, type DatasetName, datasetInfo, datasetNames } from '../../images/info.js'
export type { Prepared, PrepareOptions } from '../bringing/prepare.js'
export type { DataProgress } from '../bringing/progress.js'

export interface LoadOptions extends PrepareOptions {
  readonly split: 'train' | 'test'
}

/** Makes sure the data set is on this machine, whole and unaltered; brings it if not. */
export function prepareDataset(name: string, options: PrepareOptions = {}): Promise<Prepared> {
  const info = datasetInfo(name)
  return prepareFiles(info.name, options.sources ?? SOURCES[info.name], options)
}

/** Reads one split, bringing the data set first if it is not there. */
export async function loadDataset(name: string, options: LoadOptions): Promise<ArrayDataset> {
  const info = datasetInfo(name)
  if (options.split !== 'train' && options.split !== 'test') {
    throw parameterError('split', "'train' or 'test'", options.split)
  }
  const sources = options.sources ?? SOURCES[info.name]
  const location =
    (await findDataset(info.name, dataFolder(options.folder), sources)) ?? (await broughtLocation(info.name, options))
  const files = sources.files.filter(file => file.split === options.split)
  const hint = repairHint(info.name, location)
  const read = (file: DataFile) => readVerified(location.folder, file, hint, options.signal)
  const stream = (file: DataFile) => readVerifiedInChunks(location.folder, file, hint, options.signal)
  const { images, labels } =
    info.name === 'svhn'
      ? await readSvhn(info, files, stream)
      : info.channels === 3
        ? await readCifar(info, files, read)
        : await readMnist(info, files, read)
  const { classes, channels, height, width, normalisation } = info
  const length = labels.length
  const convention = info.name === 'svhn' && options.split === 'train'
  return {
    name: info.name,
    split: options.split,
    classes,
    channels,
    height,
    width,
    length,
    images,
    labels,
    normalisation,
    ...(convention ? { heldOut: validationImages(labels, files[0]!.images!) } : {}),
  }
}

async function broughtLocation(name: DatasetName, options: PrepareOptions): Promise<Location> {
  return { ...(await prepareDataset(name, options)), own: true }
}

type ReadFile = (file: DataFile) => Promise<Uint8Array>
type Content = Pick<ArrayDataset, 'images' | 'labels'>

async function readCifar(info: DatasetInfo, files: readonly DataFile[], read: ReadFile): Promise<Content> {
  const layout = { labelBytes: info.name === 'cifar100' ? 2 : 1, classes: info.classes.length } as const
  const length = files.reduce((sum, file) => sum + countCifarRecords(file.size, layout, file.name), 0)
  const { images, labels } = sharedMemory(info, length)
  let at = 0
  for (const file of files) at += readCifarRecords(await read(file), layout, images, labels, at, file.name)
  return { images, labels }
}

async function readSvhn(
  info: DatasetInfo,
  files: readonly DataFile[],
  stream: (file: DataFile) => AsyncIterable<Uint8Array>,
): Promise<Content> {
  const content = sharedMemory(info, imagesIn(files))
  let at = 0
  for (const file of files) {
    await readSvhnFile(stream(file), file.name, file.images!, content, at)
    at += file.images!
  }
  return content
}

const imagesIn = (files: readonly DataFile[]): number => files.reduce((sum, file) => sum + file.images!, 0)

async function readMnist(info: DatasetInfo, files: readonly DataFile[], read: ReadFile): Promise<Content> {
  const [imageFile, labelFile] = files as [DataFile, DataFile]
  const pair = readIdxPair(
    await read(imageFile),
    await read(labelFile),
    info.classes.length,
    imageFile.name,
    labelFile.name,
  )
  if (pair.height !== info.height || pair.width !== info.width) {
    const { height, width } = pair
    throw new DenseNetError(
      `${imageFile.name} has images of ${height} x ${width}, expected ${info.height} x ${info.width}`,
    )
  }
  const { images, labels } = sharedMemory(info, pair.count)
  images.set(pair.images)
  labels.set(pair.labels)
  return { images, labels }
}

function sharedMemory({ channels, height, width }: DatasetInfo, length: number): Content {
  return {
    images: new Uint8Array(new SharedArrayBuffer(length * channels * height * width)),
    labels: new Uint16Array(new SharedArrayBuffer(length * Uint16Array.BYTES_PER_ELEMENT)),
  }
}

/** Both splits of a data set, each with the API's own options. */
async function bothSplits(
  name: DatasetName,
  options: PrepareOptions,
): Promise<{ train: ArrayDataset; test: ArrayDataset }> {
  const train = await loadDataset(name, { ...options, split: 'train' })
  const test = await loadDataset(name, { ...options, split: 'test' })
  return { train, test }
}

/** CIFAR-10: 50,000 training and 10,000 test images of 3 x 32 x 32 in 10 classes; fetched, verified and cached at the
 * first call. Throws when no source can be reached and the cache has none. */
export const cifar10 = (options: PrepareOptions = {}) => bothSplits('cifar10', options)
/** CIFAR-100: as `cifar10`, of 100 classes. */
export const cifar100 = (options: PrepareOptions = {}) => bothSplits('cifar100', options)
/** With the 6,000 validation images of the paper set aside, by which it chose the epoch to report. */
export async function svhn(
  options: PrepareOptions = {},
): Promise<{ train: ArrayDataset; validation: ArrayDataset; test: ArrayDataset }> {
  const { train, test } = await bothSplits('svhn', options)
  return { ...setValidationAside(train, train.heldOut!), test }
}

/** MNIST: 60,000 training and 10,000 test images of 1 x 28 x 28 in 10 classes; fetched as `cifar10`. */
export const mnist = (options: PrepareOptions = {}) => bothSplits('mnist', options)
/** Fashion-MNIST: as `mnist`, of ten kinds of clothes. */
export const fashionMnist = (options: PrepareOptions = {}) => bothSplits('fashion-mnist', options)
