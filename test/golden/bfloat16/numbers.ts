// Reading bfloat16.json, which make_bfloat16.py makes.
import { readFileSync } from 'node:fs'

interface Layer {
  readonly epsilon: number
  /** [2][3][4][5] */
  readonly x: readonly number[]
  /** [3] */
  readonly mean: readonly number[]
  readonly variance: readonly number[]
  readonly gamma: readonly number[]
  readonly beta: readonly number[]
  /** [4][3][3][3] */
  readonly weight: readonly number[]
  readonly weightGradient: readonly number[]
  /** [2][4][4][5] */
  readonly upstream: readonly number[]
  readonly output: readonly number[]
  /** [2][3][4][5] */
  readonly inputGradient: readonly number[]
}

export const { conversions, layer } = JSON.parse(
  readFileSync(new URL('bfloat16.json', import.meta.url), 'utf8'),
) as { readonly conversions: readonly (readonly [single: number, half: number])[]; readonly layer: Layer }
