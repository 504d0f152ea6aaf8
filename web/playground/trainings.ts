// Teaching: the classifier alone, then all of the network; one training at a time, watched as it goes.
import { signal } from '@preact/signals'
import { DenseNet, type FitOptions } from '../../src/entries/browser.js'
import { usageError } from '../../src/errors.js'
import type { TrainingEvent } from '../../src/training/events.js'
import { Curves } from './curves.js'
import { featuresOf, knownFeatures } from './features.js'
import { checkReady, compute, openBase, setsFor, setTaught, taught } from './network.js'
import { say } from './notice.js'
import { fingerprintOf, history, labels, pictures, type Training } from './project.js'
import { forget, keptFiles, readKept, runFolder } from './store.js'

export interface Going {
  readonly kind: Training['kind']
  /** While features are computed. */
  readonly features: { readonly done: number; readonly all: number } | null
  readonly epoch: number
  readonly epochs: number
  /** Share of all epochs that is done, 0..1. */
  readonly share: number
  readonly backend: string
}

export const going = signal<Going | null>(null)
export const curves = new Curves()
let abort: AbortController | null = null

export const stopTraining = (): void => abort?.abort()

export interface Wishes {
  readonly epochs: number
  readonly learningRate: number
}
export const USUAL: Readonly<Record<Training['kind'], Wishes>> = {
  classifier: { epochs: 10, learningRate: 0.05 },
  whole: { epochs: 10, learningRate: 0.01 },
}

/** So small that there are enough steps, and no smaller. */
const batchFor = (images: number): number => Math.min(32, Math.max(4, 2 ** Math.round(Math.log2(images / 12))))

/** What is trained, and how. */
interface Prepared {
  readonly network: DenseNet
  readonly options: FitOptions
}

/** A new classifier on the features of the network to begin with. */
export const trainClassifier = (wishes: Wishes): Promise<void> =>
  begin('classifier', wishes, async signal => {
    const begun = await openBase()
    const of = await featuresOf(begun)
    const network = await begun.withNewClassifier(labels().length).finally(() => begun.dispose())
    try {
      const features = await knownFeatures(network, of, (done, all) => showFeatures({ done, all }), signal)
      return { network, options: { freeze: ['features.*'], augmentation: false, knownFeatures: features } }
    } catch (error) {
      network.dispose()
      throw error
    }
  })

/** All of the network that was taught, at a rate that leaves it what it knows. */
export const trainWhole = (wishes: Wishes): Promise<void> =>
  begin('whole', wishes, async () => ({ network: taught.value!, options: {} }))

function begin(
  kind: Training['kind'],
  { epochs, learningRate }: Wishes,
  prepare: (signal: AbortSignal) => Promise<Prepared>,
): Promise<void> {
  checkReady()
  const last = history.value.at(-1)?.run
  const training: Training = {
    run: `runs/${last ? Number(last.split('/')[1]) + 1 : 1}`,
    kind,
    begun: Date.now(),
    pictures: pictures.value.filter(({ heldOut }) => !heldOut).length,
    heldOut: pictures.value.filter(({ heldOut }) => heldOut).length,
    epochs,
    seconds: null,
    error: null,
    state: 'training',
    of: fingerprintOf(),
  }
  history.value = [...history.value, training]
  curves.clear()
  const batchSize = batchFor(training.pictures)
  const common = { epochs, learningRate, batchSize, schedule: 'cosine', output: runFolder(training.run) } as const
  return carryOut(training, async signal => {
    const { network, options } = await prepare(signal)
    return { network, options: { ...common, ...options } }
  })
}

/** Goes on with the last training, where a tab that was closed left it. */
export function goOn(): Promise<void> {
  const training = history.value.at(-1)!
  return carryOut(training, async () => {
    const network = await networkOf(training)
    if (!network) throw usageError('there is nothing to go on with: the files of this training are gone', 'train anew')
    return { network, options: { resume: runFolder(training.run) } }
  })
}

async function carryOut(training: Training, prepare: (signal: AbortSignal) => Promise<Prepared>): Promise<void> {
  abort = new AbortController()
  const { signal } = abort
  const { kind, epochs, run } = training
  const start = performance.now()
  const before = training.seconds ?? 0
  going.value = { kind, features: null, epoch: 1, epochs, share: 0, backend: '' }
  let ended: Partial<Training> = { state: 'stopped' }
  let network: DenseNet | null = null
  try {
    const prepared = await prepare(signal)
    network = prepared.network
    const { train, heldOut } = setsFor(network)
    const saving = { checkpointSeconds: 30, leastCheckpointSeconds: 10 }
    const common = { ...compute, ...saving, validation: heldOut, signal, onEvent: hear }
    const result = await network.fit(train, { ...common, ...prepared.options })
    ended = { state: result.stopped ? 'stopped' : 'done', error: result.final?.top1Error ?? null }
    setTaught(network)
    for (const one of history.value) if (one.run !== run) await forget(one.run)
  } catch (error) {
    if (network !== taught.value) network?.dispose()
    if (!signal.aborted) throw error
  } finally {
    going.value = null
    abort = null
    const seconds = before + (performance.now() - start) / 1000
    const begun = (await readKept(`${run}/last.safetensors`)) !== null
    history.value = history.value.flatMap(one =>
      one.run !== run ? [one] : begun ? [{ ...training, ...ended, seconds }] : [],
    )
  }
}

function showFeatures(features: NonNullable<Going['features']>): void {
  if (going.value) going.value = { ...going.value, features }
}

function hear(event: TrainingEvent): void {
  const now = going.value
  if (!now) return
  curves.hear(event)
  if (event.type === 'start') going.value = { ...now, backend: event.compute.backend }
  else if (event.type === 'features') showFeatures({ done: event.imagesDone, all: event.images })
  else if (event.type === 'step') {
    const { epoch, batch, batchesPerEpoch } = event
    going.value = { ...now, features: null, epoch, share: (epoch - 1 + batch / batchesPerEpoch) / now.epochs }
  } else if (event.type === 'warning') say(event.message)
}

/** The network of a training that was kept; null: it is gone, or had not begun. */
async function networkOf({ run }: Training): Promise<DenseNet | null> {
  const file = await readKept(`${run}/last.safetensors`)
  return file && DenseNet.load(file)
}

/** What was taught on an earlier visit, with its curves. */
export async function openTaught(): Promise<void> {
  const training = history.value.at(-1)
  const network = training && (await networkOf(training))
  setTaught(network ?? null)
  if (!training) return
  const log = await readKept(`${training.run}/log.jsonl`)
  curves.clear()
  for (const line of log ? (await log.text()).split('\n') : []) {
    // The last one may be half of one.
    if (line.endsWith('}')) curves.hear(JSON.parse(line) as TrainingEvent)
  }
}

export const runFiles = (): Promise<Map<string, File>> =>
  history.value.length > 0 ? keptFiles(history.value.at(-1)!.run) : Promise.resolve(new Map())
