// Dropout masks by counter: every backend computes the same bits, and the backward pass makes them again.
import { mix32, randomKey } from '../util/random.js'

/** The key of one dropout of one training step. */
export function dropoutKey(seed: number, step: number, layer: number): number {
  return randomKey(seed, 'dropout', step, layer)
}

/** Whether element `index` of the output is kept. */
export function dropoutKeeps(key: number, index: number, rate: number): boolean {
  return mix32(mix32(index ^ key) ^ key) >= Math.floor(rate * 2 ** 32)
}
