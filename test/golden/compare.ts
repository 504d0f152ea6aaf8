// How golden tests measure: the largest difference of a tensor, relative to its largest value.

export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) throw new Error(`${actual.length} values instead of ${expected.length}`)
  let difference = 0
  let largest = 0
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!))
    largest = Math.max(largest, Math.abs(expected[i]!))
  }
  if (difference === 0) return 0
  const error = difference / largest
  return Number.isNaN(error) ? Infinity : error // a NaN anywhere is as wrong as can be
}

export interface Slice {
  readonly name: string
  readonly offset: number
  readonly count: number
}

/** The worst relative error among tensors of a flat array, and whose it is. */
export function worstTensor(
  slices: readonly Slice[],
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): { error: number; name: string } {
  let worst = { error: 0, name: 'none' }
  for (const { name, offset, count } of slices) {
    const part = (values: ArrayLike<number>): ArrayLike<number> => Array.prototype.slice.call(values, offset, offset + count)
    const error = relativeError(part(actual), part(expected))
    if (error > worst.error) worst = { error, name }
  }
  return worst
}
