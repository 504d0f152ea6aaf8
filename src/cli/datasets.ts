// Data sets as the command line names them: the catalogue's, `synthetic`, and a person's own images by their path. Says
// what it is doing while one is brought.
import { stat } from 'node:fs/promises'
import { type DataProgress, datasetNames, loadDataset } from '../data/catalogue.js'
import type { Dataset } from '../data/dataset.js'
import { imageFiles, testImageFiles } from '../data/image-files.js'
import { datasetInfo } from '../data/info.js'
import { synthetic, syntheticDataset } from '../data/synthetic.js'
import type { Preprocessing } from '../data/transforms/preprocess.js'
import { usageError } from '../errors.js'
import { inputPreprocessing } from '../inference/image-input.js'
import type { DenseNetConfig } from '../model/config.js'
import { checkFits, type ImageFacts } from '../training/run.js'
import { bytes } from './format.js'
import { StatusLine, type Terminal } from './terminal.js'

export const choosableDatasets: readonly string[] = [...datasetNames, 'synthetic']
/** For the help of `--dataset`. */
export const DATASETS_HELP = `${choosableDatasets.join(', ')}, or a folder or CSV list of images`
export const IMAGE_SIZE_HELP = 'pixels on each side that images of a folder or list are brought to; default: 224'

export interface DataOptions {
  readonly folder?: string | undefined
  readonly signal: AbortSignal
  readonly onProgress: (progress: DataProgress) => void
}

/** A data set that was named; nothing is fetched yet. */
export interface ChosenDataset {
  readonly name: string
  readonly channels: number
  readonly height: number
  readonly width: number
  /** How many. */
  readonly classes: number
  readonly splits: (options: DataOptions) => Promise<{ train: Dataset; test: Dataset }>
  readonly test: (options: DataOptions) => Promise<Dataset>
}

/** What decides how a person's own images are read. */
export interface ImageOptions {
  readonly imageSize?: number | undefined
  /** Chooses the images that are set aside for testing. */
  readonly seed?: number | undefined
}

/** A data set by name or path, or a usage error. */
export async function chooseDataset(name: string, { imageSize, seed }: ImageOptions = {}): Promise<ChosenDataset> {
  const known = knownDataset(name)
  if (known === null) {
    await checkPath(name)
    const { train, test } = await imageFiles(name, { size: imageSize, seed })
    const { channels, height, width, classes } = train
    const shape = { channels, height, width, classes: classes.length }
    return { name: train.name, ...shape, splits: async () => ({ train, test }), test: async () => test }
  }
  if (imageSize !== undefined) {
    const { height, width } = known
    throw usageError(`--image-size is for folders and lists of images; those of ${known.name} are ${height} x ${width}`)
  }
  return known
}

/** What of a trained network decides how images are read for it. */
export interface TrainedNetwork {
  readonly config: DenseNetConfig
  readonly classes: readonly string[]
  readonly preprocessing: Preprocessing | null
  readonly recipe: { readonly seed: number } | null
}

/** The test images for a network, by name or path; a usage error if they do not suit it. */
export async function chooseTestDataset(
  name: string,
  { config, classes, preprocessing, recipe }: TrainedNetwork,
  network: string,
): Promise<(options: DataOptions) => Promise<Dataset>> {
  const known = knownDataset(name)
  if (known) {
    checkShape(config, known, network)
    return known.test
  }
  await checkPath(name)
  const test = await testImageFiles(name, {
    size: config.height,
    ...(config.height === config.width ? { preprocessing: inputPreprocessing({ config, preprocessing }) } : {}),
    ...(classes.length > 0 ? { classes } : {}),
    seed: recipe?.seed,
  })
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
    return { name, ...shape, splits: async () => synthetic(), test: async () => syntheticDataset('test') }
  }
  const info = infoOf(name)
  if (info === null) return null
  const { channels, height, width, classes } = info
  const load = (split: 'train' | 'test', options: DataOptions) => loadDataset(info.name, { ...options, split })
  return {
    name: info.name,
    ...{ channels, height, width, classes: classes.length },
    splits: async options => ({ train: await load('train', options), test: await load('test', options) }),
    test: options => load('test', options),
  }
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

/** Tells on a terminal, or in plain lines, what is brought from where. */
export function dataReporter(
  terminal: Terminal,
  quiet: boolean,
): { onProgress: (progress: DataProgress) => void; end(): void } {
  const status = new StatusLine(terminal)
  if (quiet) return { onProgress: () => {}, end: () => {} }
  const onProgress = (progress: DataProgress): void => {
    switch (progress.stage) {
      case 'trying':
        status.print(`fetching from ${progress.source}`)
        break
      case 'downloading': {
        const { file, received, total } = progress
        status.show(`${file}  ${bytes(received)} of ${bytes(total)}`.slice(0, terminal.columns() - 1))
        break
      }
      case 'unpacking':
      case 'verifying':
        status.show(`${progress.stage} …`)
        break
      case 'failed': {
        const { source, reason, next } = progress
        status.print(`${source} failed: ${reason}${next ? `; next: ${next}` : ''}`)
        break
      }
      case 'waiting':
        status.print('another process is fetching it; waiting')
    }
  }
  return { onProgress, end: () => status.clear() }
}
