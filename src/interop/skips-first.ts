// bfortuner's FC-DenseNet concatenates [from below, skip] on the way up, as its authors do, where ours has the skip first, which is in its
// place already. What reads such maps (norms and convolutions of the block, the classifier) has its channels in another order.
import type { Architecture } from '../model/architecture.js'
import { mixing } from '../model/parts.js'
import { permuted } from './newest-first.js'
import type { Tensor } from './tensor.js'

/** The same weights for maps whose skip comes first. */
export function skipsFirst(
  tensors: ReadonlyMap<string, Tensor>,
  { layers }: Architecture,
): ReadonlyMap<string, Tensor> {
  const result = new Map(tensors)
  /** Channels of the last skip, and of what came from below; before the first there is none. */
  let [skip, below] = [0, 0]
  for (const layer of layers) {
    if (layer.skip !== undefined) {
      // It reads but what the block before has made, which all have in the same order.
      below = layer.parts.at(-1)!.output.channels
      skip = layer.output.channels - below
      continue
    }
    const channels = Array.from({ length: layer.input.channels }, (_, i) =>
      i < skip ? below + i : i < skip + below ? i - skip : i,
    )
    const mixed = mixing(layer.parts)
    for (const part of layer.parts.slice(0, layer.parts.indexOf(mixed) + 1)) {
      for (const { name, shape } of [...part.parameters, ...part.running]) {
        const axis = part === mixed ? 1 : 0
        const tensor = tensors.get(name)
        if (shape[axis] === channels.length && tensor?.shape[axis] === channels.length)
          result.set(name, permuted(tensor, axis, channels))
      }
    }
  }
  return result
}
