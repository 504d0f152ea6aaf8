// Reading training.json, what PyTorch computes of schedules, optimisers and losses: make_training.py makes it.
import { readFileSync } from 'node:fs'
import type { Summaries } from './nets.js'

export interface OptimizerNumbers {
  readonly parameters: readonly number[]
  /** PyTorch's names; of the tensors that are trained, one behind the other. */
  readonly state: Readonly<Record<string, readonly number[]>>
}

interface LossNumbers {
  readonly weighted: boolean
  readonly smoothing: number
  readonly losses: readonly number[]
  /** Of the mean loss. */
  readonly gradient: readonly number[]
}

export interface TrainingNumbers {
  readonly oneCycle: readonly { top: number; epochs: number; batches: number; rates: readonly number[] }[]
  readonly plateau: { readonly patience: number; readonly losses: readonly number[]; readonly rates: readonly number[] }
  readonly optimizers: { readonly steps: number; readonly sizes: readonly number[] } & Readonly<
    Record<
      'sgd' | 'sgdClipped' | 'sgdClippedLoosely' | 'adamw' | 'rmsprop' | 'rmspropPlain',
      OptimizerNumbers
    >
  >
  /** Target of image n: share[n] of class first[n], the rest of second[n]. */
  readonly crossEntropy: readonly (LossNumbers & {
    readonly mixed: boolean
    readonly first: readonly number[]
    readonly second: readonly number[]
    readonly share: readonly number[]
  })[]
  readonly frozen: readonly FrozenNumbers[]
  /** Three steps of the net "bc": norms and biases do not decay, gradients are clipped, labels smoothed by 0.1. */
  readonly whole: Readonly<
    Record<'adamw' | 'rmsprop', { losses: readonly number[]; norms: readonly number[]; clip: number; parameters3: Summaries }>
  >
  readonly binaryCrossEntropy: readonly (LossNumbers & {
    readonly targets: readonly number[]
    readonly ranks: readonly number[]
  })[]
}

/** Two steps of the net "bc" with some parameters frozen. */
export interface FrozenNumbers {
  readonly frozen: readonly string[]
  readonly losses: readonly number[]
  readonly gradient1: Summaries
  readonly parameters2: Summaries
  readonly running2: Summaries
}

export const readTraining = (): TrainingNumbers =>
  JSON.parse(readFileSync(new URL('training.json', import.meta.url), 'utf8'))

/** Labels of which some (null) are not known: missing/make_missing.py. */
export interface MissingNumbers {
  readonly images: number
  readonly classes: number
  readonly logits: readonly number[]
  readonly weights: readonly number[]
  readonly targets: readonly (number | null)[]
  readonly losses: readonly (LossNumbers & { readonly ranks: readonly number[] })[]
  readonly averagePrecision: readonly number[]
  readonly auc: readonly number[]
  readonly f1: readonly number[]
  readonly labelError: number
  readonly subsetError: number
}

export const readMissing = (): MissingNumbers =>
  JSON.parse(readFileSync(new URL('missing/missing.json', import.meta.url), 'utf8'))

/** Two steps of the net "bc" by several replicas: make_replicas.py. */
export interface ReplicaNumbers {
  /** Of each step: first image and end of each replica's share. */
  readonly slices: readonly (readonly (readonly [number, number])[])[]
  readonly losses: readonly number[]
  readonly parameters2: Summaries
}

export const readReplicas = (): ReplicaNumbers =>
  JSON.parse(readFileSync(new URL('replicas.json', import.meta.url), 'utf8'))
