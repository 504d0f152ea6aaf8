// Feature reuse, figure 5 of the paper: how much weight each layer of a dense block gives to what each earlier one made.

import { parameterError } from '../errors.js'
import { refuseHeadless } from '../interop/import-weights.js'
import { type Architecture, architecture, type Convolution, type DenseLayer } from '../model/architecture.js'
import { type InspectedNetwork, parametersOf } from './network.js'

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
  if (!reuseMeasures.includes(measure)) throw parameterError('measure', `one of ${reuseMeasures.join(', ')}`, measure)
  if (!reuseScales.includes(scale)) throw parameterError('scale', `one of ${reuseScales.join(', ')}`, scale)
  const described = architecture(network.config)
  const weights = new Map<string, Float32Array | Float64Array>()
  const of = (name: string): Float32Array | Float64Array => {
    if (!weights.has(name)) weights.set(name, parametersOf(network, name))
    return weights.get(name)!
  }
  const blocks = described.blocks.map((_, i) => blockReuse(described, i + 1, measure, of))
  return { measure, scale, blocks: scale === 'raw' ? blocks : blocks.map(byColumn) }
}

/** A target, with the shape of its weights: [out][inChannels][area]. */
interface Reader extends ReuseTarget {
  readonly inChannels: number
  readonly area: number
}

function blockReuse(
  { layers, blocks, config }: Architecture,
  block: number,
  measure: ReuseMeasure,
  weightsOf: (name: string) => Float32Array | Float64Array,
): BlockReuse {
  const dense = layers.filter((layer): layer is DenseLayer => layer.kind === 'dense' && layer.block === block)
  const { inChannels } = blocks[block - 1]!
  const sources: ReuseSource[] = [
    { name: 'input', first: 0, channels: inChannels },
    ...dense.map(layer => ({ name: layer.name, first: layer.inChannels, channels: config.growthRate })),
  ]
  const readers: Reader[] = [
    ...dense.map(({ name, bottleneck, growth }) => reader(name, 'dense', (bottleneck ?? growth).convolution)),
    ...layers.flatMap((layer): Reader[] => {
      if (layer.kind === 'transition' && layer.block === block) {
        return [reader(`features.transition${block}`, 'transition', layer.convolution)]
      }
      if (layer.kind !== 'head' || block !== blocks.length) return []
      const { name, inFeatures } = layer.classifier
      return [{ name, kind: 'classifier', weights: `${name}.weight`, inChannels: inFeatures, area: 1 }]
    }),
  ]
  const values = sources.map(source =>
    readers.map(target => {
      if (source.first >= target.inChannels) return null
      const mean = meanAbsolute(weightsOf(target.weights), target, source)
      if (!Number.isFinite(mean)) return null
      return measure === 'mean' ? mean : mean / source.channels
    }),
  )
  const targets = readers.map(({ name, kind, weights }) => ({ name, kind, weights }))
  return { block, sources, targets, values }
}

function reader(name: string, kind: ReuseTarget['kind'], convolution: Convolution): Reader {
  const { inChannels, size } = convolution
  return { name, kind, weights: `${convolution.name}.weight`, inChannels, area: size * size }
}

/** Over all outputs, the source's channels and the places of the filter. */
function meanAbsolute(
  weights: Float32Array | Float64Array,
  { inChannels, area }: Reader,
  { first, channels }: ReuseSource,
): number {
  const row = inChannels * area
  let sum = 0
  for (let out = 0; out < weights.length; out += row) {
    const from = out + first * area
    for (let i = from; i < from + channels * area; i++) sum += Math.abs(weights[i]!)
  }
  return sum / ((weights.length / row) * channels * area)
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
