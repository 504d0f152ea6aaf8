// Data sets as people name them: the catalogue's, `synthetic`, and a person's own images by their path.
import { stat } from 'node:fs/promises'
import { usageError } from '../../errors.js'
import type { LabelReading } from '../../images/class-columns.js'
import type { Dataset, FileDataset, Normalisation } from '../../images/dataset.js'
import { checkFits, type ImageFacts } from '../../images/fits.js'
import type { DatasetIdentity } from '../../images/identity.js'
import { datasetInfo } from '../../images/info.js'
import { checkNormalisation, inputPreprocessing } from '../../images/network-input.js'
import { GREY_NORMALISATION } from '../../images/standard-normalisation.js'
import { synthetic, syntheticDataset } from '../../images/synthetic.js'
import type { Preprocessing } from '../../images/transforms/preprocess.js'
import type { DenseNetConfig } from '../../model/config.js'
import { type DataProgress, datasetNames, loadDataset } from './catalogue.js'
import { type ImageFiles, imageFiles, testImageFiles } from './image-files.js'
import { maskFolder } from './mask-folder.js'

/** The names of data sets that are no paths. */
export const choosableDatasets: readonly string[] = [...datasetNames, 'synthetic']

/** How a data set is brought. */
export interface DataOptions {
  readonly folder?: string | undefined
  readonly signal: AbortSignal
  /** Told what goes on while it is brought. */
  readonly onProgress: (progress: DataProgress) => void
}

/** `validation`: what training watches; the same as `test` where there are no others. */
export interface Splits {
  readonly train: Dataset
  readonly validation: Dataset
  readonly test: Dataset
}

/** A data set that was named; nothing is fetched yet. */
export interface ChosenDataset {
  readonly name: string
  readonly channels: number
  readonly height: number
  readonly width: number
  /** How many. */
  readonly classes: number
  /** Whether every pixel has a class. */
  readonly pixels?: boolean
  /** Brings and reads what training needs. */
  readonly splits: (options: DataOptions) => Promise<Splits>
  /** Of a person's own images: which were found, for what, and what is not used. */
  readonly notes: readonly string[]
  /** Brings and reads the test images alone. */
  readonly test: (options: DataOptions) => Promise<Dataset>
}

/** What decides how a person's own images are read. */
export interface ImageOptions extends LabelReading {
  readonly imageSize?: number | undefined
  /** Of images with masks: trains on whole images, not on crops. */
  readonly frames?: boolean | undefined
  /** 3, or 1: grey. */
  readonly channels?: number | undefined
  /** Chooses the images that are set aside for testing. */
  readonly seed?: number | undefined
  /** How columns of classes are read where nothing is said; they need not be there. */
  readonly usual?: LabelReading | undefined
}

/** A data set by name or path, or a usage error. */
export async function chooseDataset(
  name: string,
  { imageSize, frames, channels, seed, uncertain, blank, usual }: ImageOptions = {},
): Promise<ChosenDataset> {
  const known = knownDataset(name)
  if (known === null) {
    await checkPath(name)
    const reading = { uncertain: uncertain ?? usual?.uncertain, blank: blank ?? usual?.blank }
    const masks = await maskFolder(name, { size: imageSize, frames, channels, seed })
    if (frames && imageSize !== undefined) throw usageError('give either --frames or --image-size, not both')
    if (frames && !masks) throw noMasks(name)
    const files = masks ?? (await imageFiles(name, { size: imageSize, channels, seed, ...reading }))
    const { train, validation, test } = files
    checkReading(train, { uncertain, blank })
    const { height, width, classes } = train
    const pixels = train.masks !== undefined
    const shape = { channels: train.channels, height, width, classes: classes.length, pixels }
    return {
      name: train.name,
      ...shape,
      notes: notesOf(files),
      splits: async () => ({ train, validation, test }),
      test: async () => test,
    }
  }
  if (imageSize !== undefined) {
    const { height, width } = known
    throw usageError(`--image-size is for folders and lists of images; those of ${known.name} are ${height} x ${width}`)
  }
  if (frames) throw noMasks(known.name)
  if (uncertain || blank) throw noColumns(known.name)
  if (channels !== undefined) {
    throw usageError(`--channels is for folders and lists of images; those of ${known.name} have ${known.channels}`)
  }
  return known
}

/** A person's own images as a network reads them: grey for one of one channel, normalised as its weights are used to. Any
 * other data set as it is. */
export function suited(chosen: ChosenDataset, { config, normalisation }: SuitedTo): ChosenDataset {
  if (knownDataset(chosen.name)) return chosen
  const channels = config.inputChannels === 1 ? 1 : 3
  const usual = channels === 1 ? { normalisation: GREY_NORMALISATION } : {}
  const facts = { channels, ...(normalisation ? { normalisation } : usual) }
  return {
    ...chosen,
    channels,
    splits: async options => {
      const { train, validation, test } = await chosen.splits(options)
      const judged = { ...validation, ...facts }
      return {
        train: { ...train, ...facts },
        validation: judged,
        test: test === validation ? judged : { ...test, ...facts },
      }
    },
    test: async options => ({ ...(await chosen.test(options)), ...facts }),
  }
}

interface SuitedTo {
  readonly config: DenseNetConfig
  /** Null: not known. */
  readonly normalisation: Normalisation | null
}

/** What of a trained network decides how images are read for it. */
export interface TrainedNetwork {
  readonly config: DenseNetConfig
  readonly classes: readonly string[]
  readonly normalisation: Normalisation | null
  readonly preprocessing: Preprocessing | null
  readonly recipe: { readonly seed: number } | null
  readonly dataset: DatasetIdentity | null
}

/** The test images for a network, by name or path, with labels as `asked`, else as in its training; a usage error if they do not suit it. */
export async function chooseTestDataset(
  name: string,
  { config, classes, normalisation, preprocessing, recipe, dataset }: TrainedNetwork,
  network: string,
  asked: LabelReading = {},
): Promise<(options: DataOptions) => Promise<Dataset>> {
  const known = knownDataset(name)
  if (known) {
    if (asked.uncertain || asked.blank) throw noColumns(known.name)
    checkShape(config, known, network)
    return known.test
  }
  await checkPath(name)
  const masks = await maskFolder(name, {
    channels: config.inputChannels === 1 ? 1 : 3,
    normalisation: checkNormalisation({ config, normalisation, preprocessing }),
    seed: recipe?.seed,
  })
  if (masks) {
    const { height, width } = config
    checkShape(config, { ...masks.test, height, width, classes: masks.test.classes.length, pixels: true }, network)
    return async () => masks.test
  }
  const test = await testImageFiles(name, {
    size: config.height,
    channels: config.inputChannels === 1 ? 1 : 3,
    normalisation: checkNormalisation({ config, normalisation, preprocessing }),
    ...(config.height === config.width ? { preprocessing: inputPreprocessing({ config, preprocessing }) } : {}),
    ...(classes.length > 0 ? { classes } : {}),
    seed: recipe?.seed,
    trainedOn: dataset,
    uncertain: asked.uncertain ?? dataset?.reading?.uncertain,
    blank: asked.blank ?? dataset?.reading?.blank,
  })
  checkReading(test, asked)
  checkShape(config, { ...test, classes: test.classes.length }, network)
  return async () => test
}

/** Refuses a network for other images or classes, before anything is fetched. */
export function checkShape(config: DenseNetConfig, images: ImageFacts, network: string): void {
  const hint = `to train a new classifier: densenet train --pretrained ${network} --reset-classifier --dataset ${images.name}`
  checkFits(config, images, network, hint)
}

/** A data set of the catalogue or `synthetic`; null for any other name. */
export function knownDataset(name: string): ChosenDataset | null {
  if (name === 'synthetic') {
    const shape = { channels: 3, height: 32, width: 32, classes: 10 }
    return {
      name,
      ...shape,
      notes: [],
      splits: async () => unsplit(synthetic()),
      test: async () => syntheticDataset('test'),
    }
  }
  const info = infoOf(name)
  if (info === null) return null
  const { channels, height, width, classes } = info
  const load = (split: 'train' | 'test', options: DataOptions) => loadDataset(info.name, { ...options, split })
  return {
    name: info.name,
    channels,
    height,
    width,
    classes: classes.length,
    notes: [],
    splits: async options => unsplit({ train: await load('train', options), test: await load('test', options) }),
    test: options => load('test', options),
  }
}

/** Refuses to be told how to read columns of classes where there are none. */
function checkReading({ name, reading }: FileDataset, { uncertain, blank }: LabelReading): void {
  if ((uncertain || blank) && !reading) throw noColumns(name)
}

const noMasks = (name: string): Error =>
  usageError(`--frames is for images with masks, which ${name} has not`, 'leave it out')

const noColumns = (name: string): Error =>
  usageError(
    `--uncertain and --blank are for lists with a column for each class, which ${name} is not`,
    'leave them out',
  )

const unsplit = ({ train, test }: Omit<Splits, 'validation'>): Splits => ({ train, validation: test, test })

function notesOf({ train, validation, test, unused, decided }: ImageFiles): string[] {
  const each = [
    `${train.length} to train (${train.where})`,
    `${validation.length} to judge it by (${validation.where})`,
  ]
  if (test !== validation) each.push(`${test.length} to test (${test.where})`)
  const total = train.length + validation.length + (test === validation ? 0 : test.length)
  return [
    `${train.name}: ${total} images of ${train.classes.length} classes: ${each.join(', ')}`,
    ...decided.map(line => `    ${line}`),
    ...(unused.length > 0 ? [`    not used: ${unused.join(', ')}`] : []),
  ]
}

function infoOf(name: string) {
  try {
    return datasetInfo(name)
  } catch {
    return null
  }
}

async function checkPath(name: string): Promise<void> {
  if (await stat(name).catch(() => null)) return
  const hint = `the data sets are ${choosableDatasets.join(', ')}; or name a folder or CSV list of images`
  throw usageError(`there is no data set called "${name}"`, hint)
}
