// What a network consists of: layers, shapes, parameters, multiply-adds. Counted from the architecture, before anything
// is allocated. Multiply-adds are those of the network's definition (a transition convolves before it pools) and leave
// out norms and pools, as the published figures do.
import { type Architecture, architecture, type Convolution, type Layer, type Size } from './architecture.js'
import type { DenseNetConfig } from './config.js'
import { parameterTable } from './parameters.js'

/** The stem, a dense block, a transition or the head. */
export interface SummaryRow {
  readonly name: string
  /** Dense layers in it (1 for anything but a block). */
  readonly layers: number
  readonly inChannels: number
  readonly outChannels: number
  /** Of its output. */
  readonly height: number
  readonly width: number
  readonly parameters: number
  /** For one image. */
  readonly multiplyAdds: number
}

/** What a network is: block by block, with its parameters and multiply-adds for one image. */
export interface Summary {
  readonly config: DenseNetConfig
  /** Convolutions and the classifier: the L of the paper. */
  readonly depth: number
  readonly rows: readonly SummaryRow[]
  readonly parameters: number
  readonly multiplyAdds: number
}

/** Counts a network without making it. */
export function summarise(config: DenseNetConfig): Summary {
  const described = architecture(config)
  const counts = new Map(parameterTable(described).parameters.map(({ name, count }) => [name, count]))
  const parametersOf = (layer: Layer): number => {
    const names = partsOf(layer).flatMap(name => [`${name}.weight`, `${name}.bias`])
    return names.reduce((sum, name) => sum + (counts.get(name) ?? 0), 0)
  }
  const rows: SummaryRow[] = []
  for (const layer of described.layers) {
    const row = rowOf(layer, described, parametersOf(layer))
    const last = rows.at(-1)
    if (layer.kind === 'dense' && last?.name === row.name) rows[rows.length - 1] = joined(last, row)
    else rows.push(row)
  }
  return {
    config,
    depth: described.layers.reduce((sum, layer) => sum + convolutionsOf(layer).length, 1),
    rows,
    parameters: rows.reduce((sum, row) => sum + row.parameters, 0),
    multiplyAdds: rows.reduce((sum, row) => sum + row.multiplyAdds, 0),
  }
}

function joined(a: SummaryRow, b: SummaryRow): SummaryRow {
  return {
    ...b,
    layers: a.layers + b.layers,
    inChannels: a.inChannels,
    parameters: a.parameters + b.parameters,
    multiplyAdds: a.multiplyAdds + b.multiplyAdds,
  }
}

/** Of a network whose classifier is not one of its own: without the layer and its parameters. */
export function withoutClassifier(summary: Summary): Summary {
  const head = summary.rows.at(-1)!
  const [weights, biases] = [head.inChannels * head.outChannels, head.outChannels]
  return {
    ...summary,
    depth: summary.depth - 1,
    parameters: summary.parameters - weights - biases,
    multiplyAdds: summary.multiplyAdds - weights,
    rows: [
      ...summary.rows.slice(0, -1),
      {
        ...head,
        outChannels: head.inChannels,
        parameters: head.parameters - weights - biases,
        multiplyAdds: head.multiplyAdds - weights,
      },
    ],
  }
}

function rowOf(layer: Layer, { blocks }: Architecture, parameters: number): SummaryRow {
  const multiplyAdds = convolutionsOf(layer).reduce((sum, convolution) => sum + convolutionCost(convolution), 0)
  const row = (name: string, inChannels: number, outChannels: number, { height, width }: Size): SummaryRow => {
    return { name, layers: 1, inChannels, outChannels, height, width, parameters, multiplyAdds }
  }
  switch (layer.kind) {
    case 'stem':
      return row('stem', layer.convolution.inChannels, layer.convolution.outChannels, layer.output)
    case 'dense': {
      const outChannels = layer.inChannels + layer.growth.convolution.outChannels
      return row(`block ${layer.block}`, layer.inChannels, outChannels, blocks[layer.block - 1]!)
    }
    case 'transition':
      return row(`transition ${layer.block}`, layer.convolution.inChannels, layer.convolution.outChannels, layer.output)
    case 'head': {
      const { inFeatures, outFeatures } = layer.classifier
      const made = row('head', inFeatures, outFeatures, { height: 1, width: 1 })
      return { ...made, multiplyAdds: inFeatures * outFeatures }
    }
  }
}

/** Multiply-adds for one image. */
export const convolutionCost = ({ inChannels, outChannels, size, output }: Convolution): number =>
  outChannels * inChannels * size * size * output.height * output.width

function convolutionsOf(layer: Layer): Convolution[] {
  if (layer.kind === 'head') return []
  if (layer.kind !== 'dense') return [layer.convolution]
  return [...(layer.bottleneck ? [layer.bottleneck.convolution] : []), layer.growth.convolution]
}

/** Names of everything in a layer that has parameters. */
function partsOf(layer: Layer): string[] {
  const convolutions = convolutionsOf(layer).map(({ name }) => name)
  switch (layer.kind) {
    case 'stem':
      return [...convolutions, ...(layer.norm ? [layer.norm.name] : [])]
    case 'dense':
      return [...convolutions, layer.growth.norm.name, ...(layer.bottleneck ? [layer.bottleneck.norm.name] : [])]
    case 'transition':
      return [...convolutions, layer.norm.name]
    case 'head':
      return [layer.norm.name, layer.classifier.name]
  }
}
