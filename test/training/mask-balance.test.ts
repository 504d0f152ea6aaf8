// Class weights of pixels: the median of the classes' frequencies over each.
import { expect, test } from 'vitest'
import { balancedWeights } from '../../dist/fitting/mask-balance.js'

/** Of one row of pixels each. */
const MASKS: Readonly<Record<string, readonly number[]>> = {
  first: [0, 0, 0, 0, 0, 0, 1, 1, 255, 255],
  second: [0, 0, 2, 2],
}
const decode = async (file: string) => {
  const values = MASKS[file]
  if (!values) throw new Error('it cannot be read')
  return { height: 1, width: values.length, values: Uint32Array.from(values) }
}
const meaning = new Map([0, 1, 2, 3].map(value => [value, value])).set(255, -1)

test('a frequency is of the labelled pixels of the images that have the class; what is nowhere, or cannot be read, has no say', async () => {
  const masks = { files: ['first', 'missing', 'second'], meaning, crops: false }
  // 8 of 12, 2 of 8, 2 of 4: the median is 1 / 2.
  const weights = await balancedWeights(masks, 4, decode)
  for (const [label, weight] of [3 / 4, 2, 1, 1].entries()) expect(weights[label]).toBeCloseTo(weight, 12)
})
