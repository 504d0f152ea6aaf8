// From a network to the files of other programs: the formats there are, and what goes into each.
import { mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DenseNetError, usageError } from '../errors.js'
import { architecture } from '../model/architecture.js'
import { resolveConfig } from '../model/config.js'
import { parameterTable } from '../model/parameters.js'
import { fileError, writeFileAtomically } from '../node/files.js'
import { type NetworkWeights, type OnnxOptions, onnxGraph } from './onnx-graph.js'
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

/** Writes the network to `path`, whole or not at all. Resolves to the format. */
export async function writeWeights(
  path: string,
  given: ExportedNetwork,
  { to = exportFormat(path), size, ...options }: ExportOptions = {},
): Promise<ExportFormat> {
  const network = size ? { ...given, config: resolveConfig({ ...given.config, ...size }) } : given
  if (to !== 'onnx' && (options.precision ?? 'float32') !== 'float32') {
    throw usageError(`${to} files are written in float32; --precision is for onnx`)
  }
  switch (to) {
    case 'onnx':
      await writeFileAtomically(path, encodeOnnx(onnxGraph(network, { ...options, metadata: facts(network) })))
      break
    case 'pth':
      await writeFileAtomically(path, encodeTorch(torchvisionTensors(network)))
      break
    case 'safetensors':
      await writeFileAtomically(path, safetensors(network))
      break
    case 'timm':
      await writeFolder(path, [
        [TIMM_CONFIG, timmConfig(network.config, network)],
        [TIMM_WEIGHTS, safetensors(network)],
      ])
      break
    case 'transformers.js':
      await writeFolder(path, transformersFiles(network, options))
  }
  return to
}

const safetensors = (network: ExportedNetwork): Uint8Array =>
  Buffer.concat(encodeSafetensors(torchvisionTensors(network), { format: 'pt' }))

/** A folder, made new, with files by name, in their order: the last makes it whole. */
async function writeFolder(path: string, files: readonly (readonly [string, string | Uint8Array])[]): Promise<void> {
  if (await stat(path).catch(() => null)) throw usageError(`${path} exists already`, 'choose a new folder')
  for (const [name, content] of files) {
    try {
      await mkdir(dirname(join(path, name)), { recursive: true })
    } catch (error) {
      throw fileError(error, `making the folder ${path}`)
    }
    await writeFileAtomically(join(path, name), content)
  }
}

/** Everything of torchvision's state dict, in its order: with batch norm's counter of steps, which is zero here. Another
 * epsilon than PyTorch's, which the format has no place for, becomes a part of the variances. */
function torchvisionTensors({ config, parameters, running }: NetworkWeights): ReadonlyMap<string, Tensor> {
  const table = parameterTable(architecture(config))
  const statistics = new Map(table.running.map(entry => [entry.name, entry]))
  const tensors = new Map<string, Tensor>()
  const values = (all: Float32Array | Float64Array, offset: number, count: number): Float32Array =>
    Float32Array.from(all.subarray(offset, offset + count))
  for (const { name, role, shape, offset, count } of table.parameters) {
    tensors.set(name, { shape, data: values(parameters, offset, count) })
    if (role !== 'beta') continue
    const norm = name.slice(0, -'.bias'.length)
    for (const field of ['running_mean', 'running_var']) {
      const entry = statistics.get(`${norm}.${field}`)!
      const data = values(running, entry.offset, entry.count)
      if (field === 'running_var') shiftVariances(data, config.bnEpsilon - TORCH_EPSILON, entry.name)
      tensors.set(entry.name, { shape: entry.shape, data })
    }
    tensors.set(`${norm}.num_batches_tracked`, { shape: [], data: BigInt64Array.of(0n) })
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
