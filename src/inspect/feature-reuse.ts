// Feature reuse, figure 5 of the paper: how much weight each layer of a dense block gives to what each earlier one made.

import { parameterError } from '../errors.js'
import { refuseHeadless } from '../interop/import-weights.js'
import { architecture, type Layer } from '../model/architecture.js'
import { refusePixels } from '../model/describe.js'
import { mixing, type Part } from '../model/parts.js'
import type { InspectedNetwork } from './network.js'
import { parametersOf } from './parameters.js'

/** All measures, the usual one first. */
export const reuseMeasures = ['mean', 'mean-per-map'] as const
/** `mean`: the average absolute weight, as the paper's section 5 says it. `mean-per-map`: that once more divided by the
 * number of feature maps that the source makes, as the caption of its figure can be read. */
export type ReuseMeasure = (typeof reuseMeasures)[number]

/** All scales, the usual one first. */
export const reuseScales = ['column', 'raw'] as const
/** `column`: each target's values go from 0, its least, to 1, its most, as the paper's figure shows them; `raw`: as
 * measured. */
export type ReuseScale = (typeof reuseScales)[number]

/** Who made feature maps of a block. */
export interface ReuseSource {
  /** `input` of the block, or a dense layer: "features.denseblock1.denselayer3" */
  readonly name: string
  /** Its feature maps in the block: [first, first + channels) */
  readonly first: number
  readonly channels: number
}

/** Who reads feature maps of a block. */
export interface ReuseTarget {
  /** A dense layer, the transition after the block, or the classifier. */
  readonly name: string
  readonly kind: 'dense' | 'transition' | 'classifier'
  /** Whose weights were looked at: of a layer with a bottleneck, its 1x1 convolution. */
  readonly weights: string
}

/** Feature reuse within one dense block. */
export interface BlockReuse {
  /** From 1. */
  readonly block: number
  readonly sources: readonly ReuseSource[]
  readonly targets: readonly ReuseTarget[]
  /** [source][target]; null where the target does not read the source, or its weights are not finite. */
  readonly values: readonly (readonly (number | null)[])[]
}

/** Feature reuse of a network, block by block. */
export interface FeatureReuse {
  readonly measure: ReuseMeasure
  readonly scale: ReuseScale
  readonly blocks: readonly BlockReuse[]
}

/** How feature reuse is measured and scaled. */
export interface FeatureReuseOptions {
  /** Default: `mean`. */
  readonly measure?: ReuseMeasure
  /** Default: `column`. */
  readonly scale?: ReuseScale
}

/** What of every block's feature maps each of its layers, the transition behind it and the classifier make use of,
 * measured by their weights. Batch norms between the two are not looked at, as in the paper. */
export function featureReuse(
  network: Pick<InspectedNetwork, 'config' | 'state' | 'imported'>,
  { measure = 'mean', scale = 'column' }: FeatureReuseOptions = {},
): FeatureReuse {
  refuseHeadless(network.imported ?? null, 'feature reuse')
  refusePixels(network.config, 'feature reuse')
  if (!reuseMeasures.includes(measure)) throw parameterError('measure', `one of ${reuseMeasures.join(', ')}`, measure)
  if (!reuseScales.includes(scale)) throw parameterError('scale', `one of ${reuseScales.join(', ')}`, scale)
  const weights = new Map<string, Float32Array | Float64Array>()
  const of = (name: string): Float32Array | Float64Array => {
    if (!weights.has(name)) weights.set(name, parametersOf(network, name))
    return weights.get(name)!
  }
  const blocks = denseBlocks(architecture(network.config).layers).map(layers => blockReuse(layers, measure, of))
  return { measure, scale, blocks: scale === 'raw' ? blocks : blocks.map(byColumn) }
}

/** The layers of each block, with the one behind it. */
function denseBlocks(layers: readonly Layer[]): Layer[][] {
  const starts = layers.flatMap((layer, i) => (layer.concatenates && !layers[i - 1]?.concatenates ? [i] : []))
  return starts.map(start => {
    const behind = layers.findIndex((layer, i) => i > start && !layer.concatenates)
    return layers.slice(start, behind + 1)
  })
}

/** A target, with the operation whose weights are looked at. */
interface Reader extends ReuseTarget {
  readonly part: Part
}

function blockReuse(
  layers: readonly Layer[],
  measure: ReuseMeasure,
  weightsOf: (name: string) => Float32Array | Float64Array,
): BlockReuse {
  const { block, input } = layers[0]!
  const sources: ReuseSource[] = [
    { name: 'input', first: 0, channels: input.channels },
    ...layers
      .slice(0, -1)
      .map(({ name, input: { channels: first }, output }) => ({ name, first, channels: output.channels - first })),
  ]
  const readers = layers.map(({ name, concatenates, parts }): Reader => {
    const part = mixing(parts)
    const kind = concatenates ? 'dense' : part.kind === 'linear' ? 'classifier' : 'transition'
    return { name, kind, weights: part.parameters[0]!.name, part }
  })
  const values = sources.map(source =>
    readers.map(({ weights, part }) => {
      if (source.first >= part.input.channels) return null
      const mean = meanAbsolute(weightsOf(weights), part, source)
      if (!Number.isFinite(mean)) return null
      return measure === 'mean' ? mean : mean / source.channels
    }),
  )
  const targets = readers.map(({ name, kind, weights }) => ({ name, kind, weights }))
  return { block, sources, targets, values }
}

/** Over all outputs, the source's channels and the places of the filter. */
function meanAbsolute(
  weights: Float32Array | Float64Array,
  { input, output }: Part,
  { first, channels }: ReuseSource,
): number {
  const row = weights.length / output.channels
  const area = row / input.channels
  let sum = 0
  for (let out = 0; out < weights.length; out += row) {
    const from = out + first * area
    for (let i = from; i < from + channels * area; i++) sum += Math.abs(weights[i]!)
  }
  return sum / (output.channels * channels * area)
}

/** Each column from its least to its most; one whose values are all the same is 1. */
function byColumn(block: BlockReuse): BlockReuse {
  const ranges = block.targets.map((_, target) => {
    const column = block.values.map(row => row[target]).filter(value => typeof value === 'number')
    return { least: Math.min(...column), most: Math.max(...column) }
  })
  const values = block.values.map(row =>
    row.map((value, target) => {
      const { least, most } = ranges[target]!
      return value === null ? null : most > least ? (value - least) / (most - least) : 1
    }),
  )
  return { ...block, values }
}
