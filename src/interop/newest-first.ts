// kuangliu's DenseNet concatenates [new, old] where all others write [old, new]. No shape shows it: whatever reads the
// features of a block (its norms and 1x1 convolutions, the transition, the classifier) has its channels in another order.
import type { Architecture } from '../model/architecture.js'
import type { Tensor, TensorData } from './tensor.js'

/** The same weights for features in the order of their making. */
export function newestLast(
  tensors: ReadonlyMap<string, Tensor>,
  { layers, config, blocks }: Architecture,
): ReadonlyMap<string, Tensor> {
  const result = new Map(tensors)
  const permute = (name: string, axis: 0 | 1, block: number, channels: number): void => {
    const tensor = tensors.get(name)
    if (tensor === undefined || tensor.shape[axis] !== channels) return
    result.set(name, permuted(tensor, axis, order(channels, blocks[block - 1]!.inChannels, config.growthRate)))
  }
  const read = (block: number, norm: { name: string; channels: number }, convolution?: { name: string }): void => {
    for (const field of ['weight', 'bias', 'running_mean', 'running_var']) {
      permute(`${norm.name}.${field}`, 0, block, norm.channels)
    }
    if (convolution) permute(`${convolution.name}.weight`, 1, block, norm.channels)
  }
  for (const layer of layers) {
    if (layer.kind === 'dense') {
      const { norm, convolution } = layer.bottleneck ?? layer.growth
      read(layer.block, norm, convolution)
    } else if (layer.kind === 'transition') read(layer.block, layer.norm, layer.convolution)
    else if (layer.kind === 'head') read(blocks.length, layer.norm, layer.classifier)
  }
  return result
}

/** Where channel i of ours is among theirs: the newest layer's come first, the block's input last. */
function order(channels: number, inChannels: number, growthRate: number): number[] {
  const layers = (channels - inChannels) / growthRate
  return Array.from({ length: channels }, (_, i) => {
    if (i < inChannels) return layers * growthRate + i
    const layer = Math.floor((i - inChannels) / growthRate)
    return (layers - 1 - layer) * growthRate + ((i - inChannels) % growthRate)
  })
}

function permuted({ shape, data }: Tensor, axis: 0 | 1, from: readonly number[]): Tensor {
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
