// What a network consists of: layers, shapes, parameters, multiply-adds. Counted from the architecture, before anything
// is allocated. Multiply-adds are those of the network's definition (a transition convolves before it pools) and leave
// out norms and pools, as the published figures do.
import { type Architecture, architecture, type Layer } from './architecture.js'
import type { DenseNetConfig } from './config.js'
import { costOf } from './parts.js'

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
export const summarise = (config: DenseNetConfig): Summary => ({ config, ...counted(architecture(config)) })

/** Layers of one group make one row. */
export function counted({ layers }: Architecture): Omit<Summary, 'config'> {
  const rows: SummaryRow[] = []
  for (const layer of layers) {
    const row = rowOf(layer)
    const last = rows.at(-1)
    if (last?.name === row.name) rows[rows.length - 1] = joined(last, row)
    else rows.push(row)
  }
  const parts = layers.flatMap(layer => layer.parts)
  return { depth: parts.filter(({ multiplyAdds }) => multiplyAdds > 0).length, rows, ...costOf(parts) }
}

function rowOf({ group: name, input, output: { channels, height, width }, parts }: Layer): SummaryRow {
  return { name, layers: 1, inChannels: input.channels, outChannels: channels, height, width, ...costOf(parts) }
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
