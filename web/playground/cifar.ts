// CIFAR-10 in the tab: its six files from an archive that the person has, from the machine that serves the page, or from
// what was kept of them; and the training on them.
import { signal } from '@preact/signals'
import { countCifarRecords, readCifarRecords } from '../../src/data/sets/cifar.js'
import { DenseNet } from '../../src/entries/browser.js'
import { usageError } from '../../src/errors.js'
import type { ArrayDataset } from '../../src/images/dataset.js'
import { datasetInfo } from '../../src/images/info.js'
import type { TrainingEvent } from '../../src/training/events.js'
import { sharedBytes } from '../../src/util/bytes.js'
import { Curves } from './curves.js'
import type { Given } from './files.js'
import { compute } from './network.js'
import { say } from './notice.js'
import { forget, keep, readKept, runFolder } from './store.js'
import { filesOfTar } from './tar.js'

export const NETWORK = 'densenet-bc-16-12'
const RUN = 'cifar10/run'
const DATA = 'cifar10/data'
const TRAIN = [1, 2, 3, 4, 5].map(n => `data_batch_${n}.bin`)
const TEST = 'test_batch.bin'
const FILES = [...TRAIN, TEST]

type Files = ReadonlyMap<string, Uint8Array<ArrayBuffer>>

export interface CifarSets {
  readonly train: ArrayDataset
  readonly test: ArrayDataset
}
export const sets = signal<CifarSets | null>(null)
/** What is being done with the files; null: nothing. */
export const loading = signal<string | null>(null)

/** Whether the machine that serves this page has them. */
export const served = signal(false)

export async function lookForCifar(): Promise<void> {
  if (sets.value || loading.value) return
  if (await readKept(`${DATA}/${TEST}`)) {
    await load('Reading what was kept …', async () => {
      const files = await Promise.all(FILES.map(name => readKept(`${DATA}/${name}`)))
      return new Map(await Promise.all(files.map(async (file, i) => [FILES[i]!, await bytesOf(file!)] as const)))
    })
    return
  }
  const answer = await fetch(`./cifar10/${TEST}`, { method: 'HEAD' }).catch(() => null)
  served.value = answer?.ok === true
}

export const takeServed = (): Promise<void> =>
  load('Fetching it from this machine …', async () => {
    const files = new Map<string, Uint8Array<ArrayBuffer>>()
    for (const name of FILES) {
      const answer = await fetch(`./cifar10/${name}`)
      if (!answer.ok) throw usageError(`the server has no ${name} any more`)
      files.set(name, new Uint8Array(await answer.arrayBuffer()))
      loading.value = `Fetching it from this machine: ${files.size} of ${FILES.length} files`
    }
    return kept(files)
  })

/** The archive cifar-10-binary.tar.gz, or the six files in it. */
export const takeChosen = (given: readonly Given[]): Promise<void> =>
  load('Unpacking …', async () => {
    const archive = given.find(({ file }) => /\.(tar\.gz|tgz)$/.test(file.name))?.file
    const files: Files = archive
      ? await filesOfTar(archive.stream().pipeThrough(new DecompressionStream('gzip')), FILES)
      : new Map(
          await Promise.all(
            given
              .filter(({ file }) => FILES.includes(file.name))
              .map(async ({ file }) => [file.name, await bytesOf(file)] as const),
          ),
        )
    const lacking = FILES.filter(name => !files.has(name))
    if (lacking.length > 0) {
      throw usageError(`${lacking.join(', ')} is missing`, 'choose cifar-10-binary.tar.gz, or all six .bin files in it')
    }
    return kept(files)
  })

const bytesOf = async (file: Blob): Promise<Uint8Array<ArrayBuffer>> => new Uint8Array(await file.arrayBuffer())

async function kept(files: Files): Promise<Files> {
  for (const [name, bytes] of files) await keep(`${DATA}/${name}`, bytes)
  return files
}

async function load(what: string, bring: () => Promise<Files>): Promise<void> {
  loading.value = what
  try {
    const files = await bring()
    sets.value = { train: await setOf(files, TRAIN, 'train'), test: await setOf(files, [TEST], 'test') }
  } finally {
    loading.value = null
  }
}

async function setOf(files: Files, names: readonly string[], split: 'train' | 'test'): Promise<ArrayDataset> {
  const { name, classes, channels, height, width, normalisation } = datasetInfo('cifar10')
  const layout = { labelBytes: 1, classes: classes.length } as const
  const length = names.reduce((sum, file) => sum + countCifarRecords(files.get(file)!.length, layout, file), 0)
  const images = new Uint8Array(sharedBytes(length * channels * height * width))
  const labels = new Uint16Array(sharedBytes(2 * length))
  let at = 0
  for (const file of names) {
    at += readCifarRecords(files.get(file)!, layout, images, labels, at, file)
    // The page is not to stand still for all of them.
    await new Promise(resolve => setTimeout(resolve))
  }
  return { name, split, classes, channels, height, width, length, images, labels, normalisation }
}

export interface CifarGoing {
  readonly epoch: number
  readonly epochs: number
  readonly share: number
  readonly imagesPerSecond: number
  readonly backend: string
}
export const cifarGoing = signal<CifarGoing | null>(null)
export const cifarCurves = new Curves()
/** Of the test images after the last epoch, in percent. */
export const cifarError = signal<number | null>(null)
/** How a run that can be gone on with stands. */
export const standing = signal<{ readonly images: number } | null>(null)
let abort: AbortController | null = null

export const stopCifar = (): void => abort?.abort()

/** What an earlier visit left. */
export async function openCifarRun(): Promise<void> {
  const log = await readKept(`${RUN}/log.jsonl`)
  if (!log || standing.value || cifarGoing.value) return
  cifarCurves.clear()
  for (const line of (await log.text()).split('\n')) {
    if (!line.endsWith('}')) continue
    const event = JSON.parse(line) as TrainingEvent
    cifarCurves.hear(event)
    if (event.type === 'start') standing.value = { images: event.trainImages }
    if (event.type === 'epoch') cifarError.value = event.test?.top1Error ?? null
    if (event.type === 'end') standing.value = null
  }
}

export async function trainCifar(images: number, epochs: number): Promise<void> {
  await forget(RUN)
  cifarCurves.clear()
  cifarError.value = null
  await carryOut({
    epochs,
    batchSize: 64,
    schedule: 'cosine',
    trainLimit: images,
    testLimit: Math.min(10_000, images),
    output: runFolder(RUN),
  })
}

export const goOnWithCifar = (): Promise<void> => carryOut({ resume: runFolder(RUN) })

async function carryOut(options: NonNullable<Parameters<DenseNet['fit']>[1]>): Promise<void> {
  const { train, test } = sets.value!
  abort = new AbortController()
  cifarGoing.value = { epoch: 1, epochs: options.epochs ?? 0, share: 0, imagesPerSecond: 0, backend: '' }
  const network = await DenseNet.create(NETWORK, { classes: 10 })
  try {
    const { stopped } = await network.fit(train, {
      ...compute,
      ...options,
      validation: test,
      signal: abort.signal,
      onEvent: hear,
    })
    standing.value = stopped ? { images: options.trainLimit ?? standing.value!.images } : null
  } finally {
    network.dispose()
    cifarGoing.value = null
  }
}

function hear(event: TrainingEvent): void {
  const now = cifarGoing.value
  if (!now) return
  cifarCurves.hear(event)
  if (event.type === 'start') {
    cifarGoing.value = { ...now, epochs: event.epochs, backend: event.compute.backend }
  } else if (event.type === 'step') {
    const { epoch, batch, batchesPerEpoch, images, seconds } = event
    const share = (epoch - 1 + batch / batchesPerEpoch) / now.epochs
    cifarGoing.value = { ...now, epoch, share, imagesPerSecond: images / seconds }
  } else if (event.type === 'epoch') cifarError.value = event.test?.top1Error ?? null
  else if (event.type === 'warning') say(event.message)
}
