// Learning rate schedules with the seed's boundaries (train.lua). Epochs and iterations count from 1, as there: a
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

export const scheduleNames = ['multistep', 'cosine', 'imagenet', 'constant'] as const
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

export function constant(learningRate: number): Schedule {
  return () => learningRate
}

const SCHEDULES: Record<ScheduleName, (learningRate: number) => Schedule> = {
  multistep,
  cosine,
  imagenet: imagenetSteps,
  constant,
}

export function createSchedule(name: string, learningRate: number): Schedule {
  if (!(name in SCHEDULES)) throw parameterError('schedule', `one of ${scheduleNames.join(', ')}`, name)
  if (!(learningRate > 0 && Number.isFinite(learningRate))) {
    throw parameterError('learning rate', 'a number above 0', learningRate)
  }
  return SCHEDULES[name as ScheduleName](learningRate)
}
