// From a network to the files of other programs: the formats there are, and what goes into each.
import { DenseNetError, usageError } from '../errors.js'
import { type Architecture, architecture } from '../model/architecture.js'
import { type DenseNetConfig, resolveConfig } from '../model/config.js'
import { parameterTable } from '../model/parameters.js'
import { concatenate } from '../util/bytes.js'
import { type NetworkWeights, type OnnxOptions, onnxGraph, type Weights } from './onnx-graph.js'
import { encodeOnnx } from './onnx-model.js'
import { encodeSafetensors } from './safetensors.js'
import type { Tensor } from './tensor.js'
import { type Preprocessing, TIMM_CONFIG, TIMM_WEIGHTS, timmConfig } from './timm.js'
import { encodeTorch } from './torch-writer.js'
import { transformersFiles } from './transformers-js.js'

/** All formats that are written. */
export const exportFormats = ['safetensors', 'timm', 'pth', 'onnx', 'transformers.js'] as const
/** A format that is written. */
export type ExportFormat = (typeof exportFormats)[number]

const TORCH_EPSILON = 1e-5

/** How weights are written for other programs. */
export interface ExportOptions extends OnnxOptions {
  /** Default: by the ending of the path. */
  readonly to?: ExportFormat | undefined
  /** Pixels of an image, for what the format says of its input; default: the network's own. */
  readonly size?: { readonly height: number; readonly width: number } | undefined
}

/** A network with what other programs are told of its images. */
export type ExportedNetwork = NetworkWeights &
  Preprocessing & {
    /** Whether each class has a probability of its own; default false. */
    readonly multiLabel?: boolean
  }

/** .safetensors and .pth: torchvision's names; .onnx; a folder, which must be new: timm's. */
export function exportFormat(path: string): ExportFormat {
  if (/\.safetensors$/i.test(path)) return 'safetensors'
  if (/\.(pth|pt|pth\.tar)$/i.test(path)) return 'pth'
  if (/\.onnx$/i.test(path)) return 'onnx'
  const known = exportFormats.join(', ')
  throw usageError(`the ending of ${path} names no format`, `.safetensors, .pth or .onnx, or --to with one of ${known}`)
}

/** What a format is made of: one file, or those of a folder by name, in their order: the last makes it whole. */
export type EncodedWeights = Uint8Array | readonly (readonly [name: string, content: string | Uint8Array])[]

/** The network in the format `to`. */
export function encodeWeights(
  given: ExportedNetwork,
  to: ExportFormat,
  { size, ...options }: Omit<ExportOptions, 'to'> = {},
): EncodedWeights {
  const network = size ? { ...given, config: resolveConfig({ ...given.config, ...size }) } : given
  if (to !== 'onnx' && network.quantization) {
    throw usageError(`${to} files cannot hold layers in int8; ONNX files can`, 'write NAME.onnx')
  }
  if (to !== 'onnx' && (options.precision ?? 'float32') !== 'float32') {
    throw usageError(`${to} files are written in float32; --precision is for onnx`)
  }
  if (to !== 'onnx' && to !== 'transformers.js') refuseCeilPools(network.config, to)
  switch (to) {
    case 'onnx':
      return encodeOnnx(onnxGraph(network, { ...options, metadata: facts(network) }))
    case 'pth':
      return encodeTorch(namedTensors(architecture(network.config), network))
    case 'safetensors':
      return safetensors(network)
    case 'timm':
      return [
        [TIMM_CONFIG, timmConfig(network.config, network)],
        [TIMM_WEIGHTS, safetensors(network)],
      ]
    case 'transformers.js':
      return transformersFiles(network, options)
  }
}

/** Whoever reads these formats builds a network whose pools leave pixels out. At some sizes there are none to leave out. */
function refuseCeilPools(config: DenseNetConfig, to: ExportFormat): void {
  if (config.ceilPools === 'none') return
  const sizes = (one: DenseNetConfig): string =>
    architecture(one)
      .layers.map(({ output: { height, width } }) => `${height} x ${width}`)
      .join()
  if (sizes(config) === sizes({ ...config, ceilPools: 'none' })) return
  throw usageError(
    `${to} files cannot say that pools take the pixels left over, as this network's do with images of ${config.height} x ${config.width}`,
    config.stem === 'imagenet'
      ? 'write ONNX, which can, or for images of 222 x 222, which leave nothing over (--size 222x222)'
      : 'write ONNX, which can',
  )
}

const safetensors = (network: ExportedNetwork): Uint8Array =>
  concatenate(encodeSafetensors(namedTensors(architecture(network.config), network), { format: 'pt' }))

/** Everything of torchvision's state dict, in its order: with batch norm's counter of steps, which is zero here. Another
 * epsilon than PyTorch's, which the format has no place for, becomes a part of the variances. */
export function namedTensors(described: Architecture, weights: Weights): ReadonlyMap<string, Tensor> {
  const table = parameterTable(described)
  const numbers = new Map<string, Float32Array>()
  for (const [entries, values] of [
    [table.parameters, weights.parameters],
    [table.running, weights.running],
  ] as const) {
    for (const { name, offset, count } of entries) {
      numbers.set(name, Float32Array.from(values.subarray(offset, offset + count)))
    }
  }
  const tensors = new Map<string, Tensor>()
  for (const { name: part, parameters, running } of described.layers.flatMap(({ parts }) => parts)) {
    for (const { name, shape } of [...parameters, ...running]) {
      const data = numbers.get(name)!
      if (name.endsWith('.running_var')) shiftVariances(data, described.config.bnEpsilon - TORCH_EPSILON, name)
      tensors.set(name, { shape, data })
    }
    if (running.length > 0) tensors.set(`${part}.num_batches_tracked`, { shape: [], data: BigInt64Array.of(0n) })
  }
  return tensors
}

function shiftVariances(variances: Float32Array, by: number, name: string): void {
  for (const [i, variance] of variances.entries()) {
    variances[i] = variance + by
    if (variance + by < 0) {
      throw new DenseNetError(
        `element ${i} of ${name} is too small (${variance}) for PyTorch's epsilon of ${TORCH_EPSILON}`,
        {
          hint: 'ONNX files keep the epsilon as it is',
        },
      )
    }
  }
}

/** What a user of the ONNX file needs besides: how images are to be normalised, and the names of the classes. */
function facts({ classes, normalisation }: ExportedNetwork): Record<string, string> {
  return {
    ...(normalisation
      ? { mean: JSON.stringify(normalisation.mean), deviation: JSON.stringify(normalisation.deviation) }
      : {}),
    ...(classes.length > 0 ? { classes: JSON.stringify(classes) } : {}),
  }
}
