// What a file holds behind the last batch norm: one linear classifier, whatever its name; none; or a head of several
// layers, which is not read: the network is then used without it.
import type { Tensor } from './tensor.js'

export interface Head {
  /** The file's name of the linear layer that is the classifier. */
  readonly classifier: string | null
  /** Why there is none, as the end of a sentence that begins with the file; null: there is one. */
  readonly headless: string | null
  /** Layers of a head that is not read. */
  readonly left: readonly string[]
}

/** `tensors`: all that are no part of the features, by the file's names; `channels`: of the last feature maps. */
export function headOf(tensors: ReadonlyMap<string, Tensor>, channels: number | undefined): Head {
  const widths = new Set(channels === undefined ? [] : [channels])
  const linear: string[] = []
  const chain: string[] = []
  for (const [name, { shape }] of tensors) {
    if (!name.endsWith('.weight')) continue
    const layer = name.slice(0, -'.weight'.length)
    if (isLinear(shape)) {
      linear.push(layer)
      if (!widths.has(shape[1]!)) continue
      widths.add(shape[0]!)
      chain.push(layer)
    } else if (shape.length === 1 && widths.has(shape[0]!) && tensors.has(`${layer}.running_mean`)) chain.push(layer)
  }
  const [only] = linear
  if (only !== undefined && linear.length === 1 && chain.length <= 1) {
    if (chain[0] === only || channels === undefined) return { classifier: only, headless: null, left: [] }
    const headless = `reads its classes (${only}) from ${tensors.get(`${only}.weight`)!.shape[1]} numbers, where its features are ${channels}`
    return { classifier: null, headless, left: [only] }
  }
  if (chain.length === 0) return { classifier: null, headless: 'has no classifier', left: [] }
  const headless = `has a head of ${chain.length} layers (${chain.join(', ')}), not one linear classifier`
  return { classifier: null, headless, left: chain }
}

const isLinear = (shape: readonly number[]): boolean =>
  shape.length === 2 || (shape.length === 4 && shape[2] === 1 && shape[3] === 1)
