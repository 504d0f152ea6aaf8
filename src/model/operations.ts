// Every layer as the operations it is made of, with shapes, parameters and multiply-adds: for whoever draws or lists a
// network layer by layer. The same counts as summary.ts, not summed up.
import type { Architecture, Layer } from './architecture.js'
import { costOf, type Part } from './parts.js'

/** An operation of a layer. */
export interface Operation {
  /** "batch norm", "ReLU", "convolution 3 x 3", ... */
  readonly title: string
  /** torchvision's name of what holds its weights; null without any. */
  readonly name: string | null
  /** [channels, height, width] after it. */
  readonly output: readonly [number, number, number]
  readonly parameters: number
  /** For one image; of convolutions and the classifier alone, as the published figures are. */
  readonly multiplyAdds: number
}

export interface LayerFacts extends Pick<Layer, 'name' | 'title' | 'group' | 'block' | 'concatenates'> {
  readonly inChannels: number
  /** As the next layer reads it: after a dense layer everything before it as well. */
  readonly outChannels: number
  readonly height: number
  readonly width: number
  readonly parameters: number
  readonly multiplyAdds: number
  /** In the order they are applied. */
  readonly operations: readonly Operation[]
}

export function layerFacts({ layers }: Architecture): LayerFacts[] {
  return layers.map(({ name, title, group, block, concatenates, input, output, parts }) => ({
    name,
    title,
    group,
    block,
    concatenates,
    inChannels: input.channels,
    outChannels: output.channels,
    height: output.height,
    width: output.width,
    ...costOf(parts),
    operations: parts.map(operation),
  }))
}

function operation(part: Part): Operation {
  const { title, output } = part
  const name = part.parameters.length > 0 ? part.name : null
  return { title, name, output: [output.channels, output.height, output.width], ...costOf([part]) }
}
