// A checkpoint: a network and, from a run in progress, everything needed to go on with the same bits. One safetensors
// file: parameters and running statistics under torchvision's names, momentum as `optimizer.velocity.<name>` (and so each
// buffer that only training needs), the rest as JSON in the metadata. Weights of layers in int8 are whole numbers, with a tensor
// `<name>.scale` of their output channels' scales. A SHA-256 over the whole file (with the checksum itself written as zeros) detects damage.
import * as z from 'zod'
import type { Numbers } from '../engine/backend.js'
import { type SessionState, TRAINING_BUFFERS, type TrainingBuffer } from '../engine/session.js'
import { DenseNetError, usageError } from '../errors.js'
import type { Normalisation } from '../images/dataset.js'
import { type DatasetIdentity, type Hash, identitySchema } from '../images/identity.js'
import { type Preprocessing, preprocessingSchema } from '../images/transforms/schema.js'
import { decodeSafetensors, encodeSafetensors, headerEnd, LENGTH_BYTES } from '../interop/safetensors.js'
import type { Tensor } from '../interop/tensor.js'
import { type Architecture, architecture } from '../model/architecture.js'
import { type DenseNetConfig, resolveConfig } from '../model/config.js'
import { type ParameterTable, parameterTable, type TensorEntry } from '../model/parameters.js'
import { type Quantization, quantizedLayers, scaledWeights, wholeWeights } from '../model/quantization.js'
import { type Progress, progressSchema } from '../training/progress.js'
import { hasOwnProbabilities, type Recipe, recipeSchema } from '../training/recipe.js'
import { concatenate, latin1 } from '../util/bytes.js'
import { type RunSettings, settingsSchema } from './settings.js'

const FORMAT_VERSION = 1
const prefixOf = (buffer: TrainingBuffer): string => `optimizer.${buffer}.`
const NO_CHECKSUM = '0'.repeat(64)

const descriptionSchema = z.strictObject({
  version: z.int(),
  config: z.record(z.string(), z.unknown()),
  classes: z.array(z.string()),
  normalisation: z.strictObject({ mean: z.array(z.number()), deviation: z.array(z.number()) }).nullable(),
  /** Absent in checkpoints from before there was any. */
  preprocessing: preprocessingSchema.nullable().default(null),
  /** Absent in checkpoints from before there was any. */
  multiLabel: z.boolean().optional(),
  ownStatistics: z.boolean().optional(),
  quantization: z
    .array(z.strictObject({ name: z.string(), inputStep: z.number(), betweenStep: z.number() }))
    .optional(),
  dataset: identitySchema.nullable(),
  recipe: recipeSchema.nullable(),
  progress: progressSchema.nullable(),
  run: settingsSchema.optional(),
})

/** A network, and of a run in progress everything needed to go on with the same bits. */
export interface Checkpoint {
  readonly config: DenseNetConfig
  /** Names of the classes, in label order; empty when not known. */
  readonly classes: readonly string[]
  /** How its input images are to be normalised; null when not known. */
  readonly normalisation: Normalisation | null
  /** How they get to the network's size; null when they have it already, or when not known. */
  readonly preprocessing: Preprocessing | null
  /** Whether an image may belong to several classes; absent: as the recipe's loss says. */
  readonly multiLabel?: boolean | undefined
  /** Whether it is evaluated by the statistics of each image; absent: as the recipe says. */
  readonly ownStatistics?: boolean | undefined
  /** The layers that are computed in int8: a network to use, not to train. Their weights are those that int8 has. */
  readonly quantization?: Quantization | undefined
  readonly dataset: DatasetIdentity | null
  readonly recipe: Recipe | null
  readonly progress: Progress | null
  /** Of the run to go on with. */
  readonly run?: RunSettings | undefined
  readonly state: SessionState
}

/** Whether each class has a probability of its own (sigmoid), or all share one (softmax): the only one of a network with
 * one output is its own, for a share of one is always 1. */
export const isMultiLabel = ({ config, multiLabel, recipe }: Checkpoint): boolean =>
  config.classes === 1 || (multiLabel ?? (recipe !== null && hasOwnProbabilities(recipe)))

/** Whether its network is evaluated by the statistics of each image, not by the running ones. */
export const takesOwnStatistics = ({ ownStatistics, recipe }: Checkpoint): boolean =>
  ownStatistics ?? recipe?.ownStatistics ?? false

/** Makes a SHA-256. */
export type CreateHash = () => Hash

/** The bytes of its file, in parts. */
export function encodeCheckpoint(checkpoint: Checkpoint, createHash: CreateHash): readonly Uint8Array[] {
  const { state, ...description } = checkpoint
  const described = architecture(checkpoint.config)
  const table = parameterTable(described)
  const whole = wholeNames(described, checkpoint.quantization)
  const tensors = new Map<string, Tensor>()
  const add = (entries: readonly TensorEntry[], values: Numbers, prefix = ''): void => {
    for (const { name, shape, offset, count } of entries) {
      const data = values.subarray(offset, offset + count)
      if (!whole.has(prefix + name)) {
        tensors.set(prefix + name, { shape, data })
        continue
      }
      const { wholes, scales } = wholeWeights(data, shape[0]!)
      tensors.set(name, { shape, data: wholes })
      tensors.set(scaleOf(name), { shape: [shape[0]!], data: scales })
    }
  }
  add(table.parameters, state.parameters)
  add(table.running, state.running)
  for (const buffer of TRAINING_BUFFERS) {
    const values = state.training[buffer]
    if (values) add(entriesOf(table, buffer), values, prefixOf(buffer))
  }
  const parts = encodeSafetensors(tensors, {
    format: 'densenet',
    densenet: JSON.stringify({ version: FORMAT_VERSION, ...description }),
    sha256: NO_CHECKSUM,
  })
  const [head, ...rest] = parts
  return [withChecksum(head!, NO_CHECKSUM, sha256(createHash(), parts))!, ...rest]
}

/** Whether a safetensors file is a checkpoint of ours. */
export function isCheckpoint(bytes: Uint8Array, path: string): boolean {
  return bytes[LENGTH_BYTES] === 0x7b && decodeSafetensors(bytes, path).metadata.densenet !== undefined
}

/** Of the bytes of a file; `path` is for messages. Throws a sentence when it is damaged or not a checkpoint of ours. */
export function decodeCheckpoint(bytes: Uint8Array, path: string, createHash: CreateHash): Checkpoint {
  const { metadata, tensors } = decodeSafetensors(bytes, path)
  if (metadata.densenet === undefined) {
    throw new DenseNetError(`${path} holds weights without a description of their network: it was not made by densenet`)
  }
  if (metadata.sha256 === undefined || !verifies(bytes, metadata.sha256, path, createHash)) {
    throw new DenseNetError(`${path} is damaged (checksum differs)`)
  }
  let json: unknown
  try {
    json = JSON.parse(metadata.densenet)
  } catch (cause) {
    throw new DenseNetError(`${path} is damaged (its description is not JSON)`, { cause })
  }
  const version = (json as { version?: unknown } | null)?.version
  if (version !== FORMAT_VERSION) {
    throw otherVersion(`${path} has checkpoint format ${version}; this version of densenet reads ${FORMAT_VERSION}`)
  }
  const parsed = descriptionSchema.safeParse(json)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    if (issue.code === 'unrecognized_keys') {
      throw otherVersion(`${path} speaks of "${issue.keys[0]}", which this version of densenet does not know`)
    }
    throw new DenseNetError(`${path} is damaged (its description lacks ${issue.path.join('.')})`)
  }
  const { version: _, ...described } = parsed.data
  const config = resolveConfig(described.config as Partial<DenseNetConfig>)
  const network = architecture(config)
  const plain = withoutWholes(tensors, wholeNames(network, described.quantization), path)
  return { ...described, config, state: collect(parameterTable(network), plain, path) }
}

const scaleOf = (weight: string): string => `${weight}.scale`

/** The weights of the layers in int8. */
const wholeNames = (network: Architecture, quantization: Quantization = []): ReadonlySet<string> =>
  new Set(
    quantizedLayers(network, quantization).flatMap(({ convolutions }) => convolutions.map(c => `${c.name}.weight`)),
  )

/** Whole weights times their scales. */
function withoutWholes(
  tensors: ReadonlyMap<string, Tensor>,
  wholes: ReadonlySet<string>,
  path: string,
): ReadonlyMap<string, Tensor> {
  const plain = new Map(tensors)
  for (const name of wholes) {
    const [weight, scale] = [tensors.get(name), tensors.get(scaleOf(name))]
    const { data: whole } = weight ?? {}
    const { data: scales } = scale ?? {}
    const fits = whole instanceof Int8Array && scales instanceof Float32Array && scales.length === weight!.shape[0]
    if (!fits || scale!.shape.length !== 1) {
      throw new DenseNetError(
        `${path}: ${name} must be in int8, with a float32 scale for each output channel beside it`,
      )
    }
    plain.set(name, { shape: weight!.shape, data: scaledWeights(whole, scales, new Float32Array(whole.length)) })
    plain.delete(scaleOf(name))
  }
  return plain
}

/** Not damage: the checkpoint before it would be no better. */
const otherVersion = (message: string): DenseNetError => usageError(message, 'use the version that made it')

/** Gathers the tensors into the arrays of a session, checking names and shapes. */
function collect(table: ParameterTable, tensors: ReadonlyMap<string, Tensor>, path: string): SessionState {
  const used = new Set<string>()
  const gather = (entries: readonly TensorEntry[], total: number, prefix = ''): Numbers => {
    const first = tensors.get(prefix + entries[0]!.name)?.data
    const values = first instanceof Float64Array ? new Float64Array(total) : new Float32Array(total)
    for (const { name, shape, offset } of entries) {
      const tensor = tensors.get(prefix + name)
      if (tensor === undefined) throw new DenseNetError(`${path} lacks ${prefix}${name}`)
      const { data } = tensor
      if (data instanceof BigInt64Array || data.constructor !== values.constructor) {
        throw new DenseNetError(`${path}: ${prefix}${name} has numbers of another type than the rest`)
      }
      if (tensor.shape.join() !== shape.join()) {
        throw new DenseNetError(`${path}: ${prefix}${name} has shape [${tensor.shape}], the network needs [${shape}]`)
      }
      values.set(data, offset)
      used.add(prefix + name)
    }
    return values
  }
  const training: Partial<Record<TrainingBuffer, Numbers>> = {}
  for (const buffer of TRAINING_BUFFERS) {
    const entries = entriesOf(table, buffer)
    const prefix = prefixOf(buffer)
    if (!tensors.has(prefix + entries[0]!.name)) continue
    training[buffer] = gather(entries, buffer === 'averageRunning' ? table.runningCount : table.parameterCount, prefix)
  }
  const state = {
    parameters: gather(table.parameters, table.parameterCount),
    running: gather(table.running, table.runningCount),
    training,
  }
  const stranger = [...tensors.keys()].find(name => !used.has(name))
  if (stranger !== undefined) throw new DenseNetError(`${path} holds ${stranger}, which its network does not have`)
  return state
}

const entriesOf = (table: ParameterTable, buffer: TrainingBuffer): readonly TensorEntry[] =>
  buffer === 'averageRunning' ? table.running : table.parameters

function verifies(bytes: Uint8Array, checksum: string, path: string, createHash: CreateHash): boolean {
  const end = headerEnd(bytes, path)
  const head =
    checksum.length === NO_CHECKSUM.length ? withChecksum(bytes.subarray(0, end), checksum, NO_CHECKSUM) : null
  return head !== null && sha256(createHash(), [head, bytes.subarray(end)]) === checksum
}

/** The file's head with another checksum; null: it is not there. */
function withChecksum(head: Uint8Array, before: string, after: string): Uint8Array | null {
  const text = latin1(head)
  const at = text.indexOf(before, text.indexOf('"sha256"'))
  return at < 0 ? null : concatenate([head.subarray(0, at), ASCII.encode(after), head.subarray(at + before.length)])
}

const ASCII = new TextEncoder()

function sha256(hash: Hash, parts: readonly Uint8Array[]): string {
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
