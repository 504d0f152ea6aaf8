// Some DenseNets have convolutions with biases, which ours do not need: whatever a convolution makes goes to batch norms, that
// take a mean away. A bias less in the maps is a bias less in their means.
import type { Architecture } from '../model/architecture.js'
import { isFloating, type Tensor } from './tensor.js'

/** The same network without biases of convolutions, and the names of those that it had. */
export function foldBiases(
  tensors: ReadonlyMap<string, Tensor>,
  { layers }: Architecture,
): { readonly tensors: ReadonlyMap<string, Tensor>; readonly folded: readonly string[] } {
  const result = new Map(tensors)
  const folded: string[] = []
  const none = (channels: number): number[] => Array<number>(channels).fill(0)
  /** What a convolution adds to each of its maps. */
  const biasOf = (convolution: string, channels: number): readonly number[] => {
    const name = `${convolution}.bias`
    const bias = result.get(name)
    if (bias?.data.length !== channels || !isFloating(bias.data)) return none(channels)
    result.delete(name)
    folded.push(name)
    return [...bias.data]
  }
  const shiftMean = (norm: string, added: readonly number[]): void => {
    const name = `${norm}.running_mean`
    const mean = result.get(name)
    if (mean?.data.length !== added.length || !isFloating(mean.data) || added.every(bias => bias === 0)) return
    result.set(name, { ...mean, data: Float64Array.from(mean.data, (x, i) => x - added[i]!) })
  }
  // What was added to the maps that a layer reads, and within it to those that a part reads.
  let maps = none(layers[0]!.input.channels) as readonly number[]
  for (const { parts, concatenates } of layers) {
    let added = maps
    for (const { kind, name, output, parameters } of parts) {
      if (kind === 'norm') {
        shiftMean(name, added)
        added = none(output.channels)
      } else if (kind === 'convolution') {
        const keeps = parameters.some(({ role }) => role === 'bias')
        added = keeps ? none(output.channels) : biasOf(name, output.channels)
      }
    }
    maps = concatenates ? [...maps, ...added] : added
  }
  return { tensors: result, folded }
}
