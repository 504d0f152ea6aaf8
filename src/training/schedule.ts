// Learning rate schedules with the original's boundaries (train.lua). Epochs and iterations count from 1, as there: a
// multistep schedule over 300 epochs drops at the start of epochs 150 and 225.
import { parameterError } from '../errors.js'

/** A moment of training. */
export interface ScheduleMoment {
  /** From 1. */
  readonly epoch: number
  /** Batch within the epoch, from 1. */
  readonly iteration: number
  readonly epochs: number
  readonly batchesPerEpoch: number
}

/** The learning rate of the step about to be made. */
export type Schedule = (moment: ScheduleMoment) => number

/** All of them. */
export const scheduleNames = [
  'multistep',
  'cosine',
  'one-cycle',
  'imagenet',
  'plateau',
  'exponential',
  'constant',
] as const
/** A schedule that has a name. */
export type ScheduleName = (typeof scheduleNames)[number]

/** The CIFAR and SVHN rule: a tenth from half of the epochs on, a hundredth from three quarters on. */
export function multistep(learningRate: number): Schedule {
  return ({ epoch, epochs }) => {
    const drops = epoch >= 0.75 * epochs ? 2 : epoch >= 0.5 * epochs ? 1 : 0
    return learningRate * 0.1 ** drops
  }
}

/** The ImageNet rule: a tenth every 30 epochs (at the start of 31, 61, 91, ...), however many there are. */
export function imagenetSteps(learningRate: number): Schedule {
  return ({ epoch }) => learningRate * 0.1 ** Math.floor((epoch - 1) / 30)
}

/** Half a cosine from the full rate down to 0, which is exactly the rate of the very last step. */
export function cosine(learningRate: number): Schedule {
  return ({ epoch, iteration, epochs, batchesPerEpoch }) => {
    const done = ((epoch - 1) % epochs) * batchesPerEpoch + iteration
    return 0.5 * learningRate * (1 + Math.cos((Math.PI * done) / (epochs * batchesPerEpoch)))
  }
}

/** PyTorch's OneCycleLR with its defaults, momentum apart (it stays): up from a 25th of `learningRate` over three tenths
 * of the steps, then down to a 250,000th, both along half a cosine. */
export function oneCycle(learningRate: number): Schedule {
  const lowest = learningRate / 25
  const between = (from: number, to: number, share: number): number =>
    to + 0.5 * (from - to) * (1 + Math.cos(Math.PI * share))
  return ({ epoch, iteration, epochs, batchesPerEpoch }) => {
    const steps = epochs * batchesPerEpoch
    const top = Math.max(0, 0.3 * steps - 1)
    const done = (epoch - 1) * batchesPerEpoch + iteration - 1
    if (done <= top) return between(lowest, learningRate, top === 0 ? 1 : done / top)
    return between(learningRate, lowest / 1e4, (done - top) / (steps - 1 - top))
  }
}

/** Any schedule, its rate growing linearly to the full one over the first `warmupEpochs` (which may be a fraction). */
export function warmUp(schedule: Schedule, warmupEpochs: number): Schedule {
  return moment => {
    const { epoch, iteration, batchesPerEpoch } = moment
    const done = (epoch - 1) * batchesPerEpoch + iteration
    return schedule(moment) * Math.min(1, done / Math.max(1, warmupEpochs * batchesPerEpoch))
  }
}

/** The highest rate of all steps of a run. */
export function highestRate(
  schedule: Schedule,
  { epochs, batchesPerEpoch }: Pick<ScheduleMoment, 'epochs' | 'batchesPerEpoch'>,
): number {
  let highest = 0
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for (let iteration = 1; iteration <= batchesPerEpoch; iteration++) {
      highest = Math.max(highest, schedule({ epoch, iteration, epochs, batchesPerEpoch }))
    }
  }
  return highest
}

/** FC-DenseNet's: 0.995 of the rate of the epoch before. */
export function exponential(learningRate: number): Schedule {
  return ({ epoch }) => learningRate * 0.995 ** (epoch - 1)
}

/** The same rate always. */
export function constant(learningRate: number): Schedule {
  return () => learningRate
}

const SCHEDULES: Record<ScheduleName, (learningRate: number) => Schedule> = {
  multistep,
  cosine,
  'one-cycle': oneCycle,
  imagenet: imagenetSteps,
  // What it does after each epoch is in plateau.ts.
  plateau: constant,
  exponential,
  constant,
}

/** A schedule by name, from its highest learning rate. A usage error for a name that there is none of. */
export function createSchedule(name: string, learningRate: number): Schedule {
  if (!(name in SCHEDULES)) throw parameterError('schedule', `one of ${scheduleNames.join(', ')}`, name)
  if (!(learningRate > 0 && Number.isFinite(learningRate))) {
    throw parameterError('learning rate', 'a number above 0', learningRate)
  }
  return SCHEDULES[name as ScheduleName](learningRate)
}
