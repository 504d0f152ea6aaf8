// Reading the golden files of make_golden.py (README.md says what they hold), and comparing with them.
import { readFileSync } from 'node:fs'
import type { DenseNetOptions } from '../../dist/model/config.js'
import { mix32 } from '../../dist/util/random.js'
import { relativeError, type Slice } from './compare.js'

export const goldenNames = ['plain', 'bc', 'imagenet', 'dropout-bc', 'dropout-plain'] as const

export function readGolden(name: string): Golden {
  return JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), 'utf8'))
}

export interface Golden {
  readonly options: DenseNetOptions
  readonly batch: number
  readonly steps: number
  readonly learningRate: number
  readonly seed: number
  readonly sgd: { readonly momentum: number; readonly weightDecay: number; readonly nesterov: boolean }
  readonly input: Generated
  readonly labels: readonly number[][]
  readonly losses: readonly number[]
  readonly parameters: readonly GeneratedTensor[]
  readonly running: readonly GeneratedTensor[]
  readonly logits1: readonly number[]
  readonly logits5: readonly number[]
  readonly logitsEvaluated: readonly number[]
  readonly ranks1: readonly number[]
  readonly gradient1: Summaries
  readonly parameters1: Summaries
  readonly parameters5: Summaries
  readonly velocity5: Summaries
  readonly running1: Summaries
  readonly running5: Summaries
}

/** Numbers that make_golden.py and this file make alike, from a counter. */
export interface Generated {
  readonly number: number
  readonly low: number
  readonly high: number
}
export type GeneratedTensor = Generated & { readonly name: string; readonly shape: readonly number[] }
export type Summaries = Record<string, { readonly sum: number; readonly squares: number; readonly samples: readonly number[] }>

export function generate({ number, low, high }: Generated, count: number): Float64Array {
  const key = mix32(number)
  return Float64Array.from({ length: count }, (_, i) => low + (high - low) * (mix32(mix32(i ^ key) ^ key) / 2 ** 32))
}

/** Several generated tensors, one behind the other. */
export function generateAll(entries: readonly GeneratedTensor[]): Float64Array {
  const made = entries.map(entry => generate(entry, entry.shape.reduce((a, b) => a * b, 1)))
  const all = new Float64Array(made.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const values of made) {
    all.set(values, at)
    at += values.length
  }
  return all
}

/** The error of each of a flat array's tensors: of samples, sum and sum of squares, relative to what bounds them. */
export function summaryErrors(slices: readonly Slice[], actual: ArrayLike<number>, expected: Summaries): number[] {
  if (Object.keys(expected).join() !== slices.map(({ name }) => name).join()) throw new Error('these are other tensors')
  return slices.map(({ name, offset, count }) => {
    const { sum, squares, samples } = expected[name]!
    const values = Array.from({ length: count }, (_, i) => actual[offset + i]!)
    const sampled = samples.map((_, j) => values[Math.floor((j * count) / samples.length)]!)
    const total = values.reduce((a, b) => a + b, 0)
    const totalSquares = values.reduce((a, b) => a + b * b, 0)
    return Math.max(
      relativeError(sampled, samples),
      Math.abs(total - sum) / Math.sqrt(count * squares),
      Math.abs(totalSquares - squares) / squares,
    )
  })
}
