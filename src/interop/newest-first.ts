// kuangliu's DenseNet concatenates [new, old] where all others write [old, new]. No shape shows it: whatever reads the
// features of a block (its norms and 1x1 convolutions, the transition, the classifier) has its channels in another order.
import type { Architecture } from '../model/architecture.js'
import { mixing } from '../model/parts.js'
import type { Tensor, TensorData } from './tensor.js'

/** The same weights for features in the order of their making. */
export function newestLast(
  tensors: ReadonlyMap<string, Tensor>,
  { layers }: Architecture,
): ReadonlyMap<string, Tensor> {
  const result = new Map(tensors)
  const permute = (name: string, axis: 0 | 1, channels: readonly number[]): void => {
    const tensor = tensors.get(name)
    if (tensor?.shape[axis] === channels.length) result.set(name, permuted(tensor, axis, channels))
  }
  // Channels of the maps that a layer reads: those of who made each part of them.
  let made = [layers[0]!.input.channels]
  for (const { parts, concatenates, output } of layers) {
    const channels = order(made)
    const mixed = mixing(parts)
    for (const part of parts.slice(0, parts.indexOf(mixed) + 1)) {
      for (const { name } of [...part.parameters, ...part.running]) permute(name, part === mixed ? 1 : 0, channels)
    }
    made = concatenates ? [...made, parts.at(-1)!.output.channels] : [output.channels]
  }
  return result
}

/** Where channel i of ours is among theirs: the newest come first, the block's input last. */
function order(made: readonly number[]): number[] {
  let end = made.reduce((a, b) => a + b)
  return made.flatMap(channels => {
    end -= channels
    return Array.from({ length: channels }, (_, i) => end + i)
  })
}

/** Place i of the axis is what was at from[i]. */
export function permuted({ shape, data }: Tensor, axis: 0 | 1, from: readonly number[]): Tensor {
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const outer = axis === 0 ? 1 : shape[0]!
  const result: TensorData = data.slice()
  for (let row = 0; row < outer; row++) {
    for (const [to, place] of from.entries()) {
      const begin = (row * from.length + place) * inner
      // Both are of the same class, which the types cannot say.
      ;(result as Float32Array).set(
        (data as Float32Array).subarray(begin, begin + inner),
        (row * from.length + to) * inner,
      )
    }
  }
  return { shape, data: result }
}
