// The first lines of a run: what is trained, on what, where, how.
import { describeAugmentation, withoutChance } from '../entries/images.js'
import { machineBytes } from '../entries/runs.js'
import { createSchedule, highestRate, isMeant, mixes, type Recipe, warmUp } from '../entries/training.js'
import type { StartEvent } from '../index.js'
import { bytes, grouped, short, wrapped } from './format.js'
import { unusualWords } from './training-options.js'

const OPTIMIZER_TITLES = { sgd: 'SGD', adamw: 'AdamW', rmsprop: 'RMSprop' } as const

const WIDTH = 96
/** Narrower terminals have no room for columns. */
const LEAST_FOR_COLUMNS = 60

/** For a terminal of so many columns; null: no terminal. */
export function runHeader(event: StartEvent, columns: number | null): string[] {
  const rows = facts(event)
  if (columns !== null && columns < LEAST_FOR_COLUMNS) return rows.flatMap(row => wrapped(row.filter(Boolean), columns))
  const label = Math.max(event.network.name.length, event.dataset.length, 18)
  return rows.map(([name, ...words]) => (words.length === 0 ? name! : [name!.padEnd(label), ...words].join('   ')))
}

/** Rows of a name and what is to be said of it. */
function facts({
  network,
  dataset,
  trainImages,
  testImages,
  on,
  compute,
  recipe,
  epoch,
  batch,
  epochs,
  batchesPerEpoch,
}: StartEvent): string[][] {
  const nesterov = recipe.nesterov && isMeant(recipe, 'nesterov')
  const judges = on ?? (recipe.heldOut === null ? 'test' : 'validation')
  const augmentation = `normalise, ${describeAugmentation(recipe.augmentation)}`.replace(/, $/, '')
  const [backend, ...machine] = compute.backend.split(': ')
  return [
    [
      network.name,
      `${grouped(network.parameters)} parameters`,
      `${short(network.multiplyAdds)} multiply-adds`,
      `${network.depth} layers`,
    ],
    [dataset, `${grouped(trainImages)} training, ${grouped(testImages)} ${judges} images`, augmentation],
    [
      backend!,
      ...machine,
      `${bytes(compute.plannedBytes)} planned of ${bytes(machineBytes())}`,
      `--memory ${compute.memory}${compute.memoryReason === null ? '' : ` (${compute.memoryReason})`}`,
    ],
    [
      OPTIMIZER_TITLES[recipe.optimizer],
      `${grouped(epochs)} epoch${epochs > 1 ? 's' : ''} of batches of ${recipe.batchSize}`,
      `lr ${recipe.learningRate} ${recipe.schedule}`,
      ...(isMeant(recipe, 'momentum') ? [`momentum ${recipe.momentum}${nesterov ? ' (Nesterov)' : ''}`] : []),
      `weight decay ${recipe.weightDecay}`,
    ],
    ...sharedWords(recipe, compute.ranks),
    ...unreachedWords(recipe, epochs, batchesPerEpoch).map(text => ['', text]),
    ...(recipe.featurePasses > 0 ? [['classifier', keptWords(recipe)]] : []),
    ...wrapped(unusualWords(recipe), WIDTH).map((text, i) => [i === 0 ? 'with' : '', text]),
    ...(mixes(recipe) ? [['', 'the training error is against the label of the larger share of a mixed image']] : []),
    ...(epoch > 1 || batch > 0 ? [[`going on from epoch ${epoch}, step ${batch}`]] : []),
  ]
}

/** How long a rate that is scaled is warmed up, as in "Accurate, Large Minibatch SGD". */
const WARMUP_EPOCHS = 5

/** Where several ranks make an update: how large it is, and how the rate would be scaled with it. */
function sharedWords({ batchSize, accumulate, learningRate, optimizer }: Recipe, ranks?: number): string[][] {
  if (ranks === undefined) return []
  const scaled = Number((accumulate * learningRate).toPrecision(6))
  const scaling = `the learning rate is as given; scaled with the update it is --lr ${scaled} --warmup-epochs ${WARMUP_EPOCHS}`
  return [
    [`${ranks} ranks`, `an update of ${accumulate} batches of ${batchSize}: ${grouped(accumulate * batchSize)} images`],
    ...(optimizer === 'sgd' ? [['', scaling]] : []),
  ]
}

/** Where the classifier alone is trained on features that are computed before. */
function keptWords({ featurePasses, augmentation }: Recipe): string {
  const images = withoutChance(augmentation) ? 'the images as they are' : 'augmented images'
  const passes = featurePasses === 1 ? 'one pass' : `${featurePasses} passes, taken in turn`
  return `trained alone, on features of ${images} that are computed once: ${passes}`
}

/** Below this share of it a rate that was asked for is not what a run trains with. */
const REACHED = 0.9

/** Where no step has the rate that was asked for: few epochs of a schedule for many, or warmed up for longer than the run. */
function unreachedWords(
  { schedule: name, learningRate, warmupEpochs }: Recipe,
  epochs: number,
  batchesPerEpoch: number,
): string[] {
  if (name === 'custom') return []
  const schedule = warmUp(createSchedule(name, learningRate), warmupEpochs)
  // Of the whole run, not of what is left of it.
  const highest = highestRate(schedule, { epochs, batchesPerEpoch })
  if (highest >= REACHED * learningRate) return []
  const many = (n: number, what: string): string => `${grouped(n)} ${what}${n === 1 ? '' : 's'}`
  const run = `${many(epochs, 'epoch')} of ${many(batchesPerEpoch, 'step')}`
  const warming = warmupEpochs > 0 ? `, warmed up over ${warmupEpochs} epoch${warmupEpochs === 1 ? '' : 's'},` : ''
  const other = name === 'constant' || warmupEpochs > 0 ? '' : '; --schedule constant does'
  return [
    `no step has lr ${learningRate}: over ${run} ${name}${warming} comes to ${Number(highest.toPrecision(3))} at most${other}`,
  ]
}
