// A network as plain data, and what can be done with it that needs no arithmetic.
import { type SessionState, weightsOf } from '../engine/session.js'
import { type Checkpoint, isMultiLabel, takesOwnStatistics } from '../fitting/checkpoint.js'
import type { Normalisation } from '../images/dataset.js'
import { inputPreprocessing } from '../images/network-input.js'
import type { Preprocessing } from '../images/transforms/preprocess.js'
import type { ExportedNetwork } from '../interop/encode-weights.js'
import type { ImportReport } from '../interop/import-weights.js'
import { architecture } from '../model/architecture.js'
import { type DenseNetConfig, type DenseNetOptions, resolveConfig } from '../model/config.js'
import { describe } from '../model/describe.js'
import { initialParameters, initialRunning } from '../model/initialise.js'
import { parameterTable } from '../model/parameters.js'
import { isPreset, preset } from '../model/presets.js'
import { type Quantization, quantizedLayers, scaledWeights, wholeWeights } from '../model/quantization.js'
import type { OpenedNetwork } from './open-bytes.js'

export interface Network {
  /** A preset's name, or a description. */
  readonly name: string
  readonly config: DenseNetConfig
  /** Its weights, nothing that only training needs. */
  readonly state: SessionState
  /** In label order; empty when not known. */
  readonly classes: readonly string[]
  readonly normalisation: Normalisation | null
  /** How photographs get to its size; null for networks of small images. */
  readonly preprocessing: Preprocessing | null
  /** How weights from elsewhere were understood: what matched, what was assumed; null for others. */
  readonly imported: ImportReport | null
  /** Whether an image may belong to several classes, or to none: their probabilities are then each class's own. True of a
   * network with one output. */
  readonly multiLabel: boolean
  /** Of networks that classify pixels: whether batch norms take the statistics of each image, as in their training. */
  readonly ownStatistics: boolean
  /** The layers that are computed in int8; null: none, and it can be trained. */
  readonly quantization: Quantization | null
}

export interface CreateOptions extends DenseNetOptions {
  /** What to call it; default: the preset's name, or a description. */
  readonly name?: string
  /** Of the fresh weights; default 0. */
  readonly seed?: number
}

const UNKNOWN = {
  classes: [],
  normalisation: null,
  preprocessing: null,
  imported: null,
  ownStatistics: false,
  quantization: null,
} as const

/** With fresh weights: a preset's name with changes, or a complete description. */
export function createNetwork(
  model: string | DenseNetOptions,
  { seed = 0, name, ...overrides }: CreateOptions,
): Network {
  const config = typeof model === 'string' ? preset(model, overrides) : resolveConfig({ ...model, ...overrides })
  const own = typeof model === 'string' ? nameOf(model, config) : describe(config)
  return { ...UNKNOWN, name: name ?? own, config, state: freshState(config, seed), multiLabel: config.classes === 1 }
}

/** A preset with other blocks or another growth rate is another network. */
const nameOf = (model: string, config: DenseNetConfig): string =>
  isPreset(model) && describe(preset(model)) !== describe(config) ? describe(config) : model

function freshState(config: DenseNetConfig, seed: number): SessionState {
  const table = parameterTable(architecture(config))
  return { parameters: initialParameters(table, seed, config.family), running: initialRunning(table), training: {} }
}

/** With the weights that were found. */
export function foundNetwork({ checkpoint, name, report }: OpenedNetwork): Network {
  const { config, classes, normalisation, preprocessing } = checkpoint
  return {
    config,
    classes,
    normalisation,
    preprocessing,
    name: name ?? describe(config),
    state: weightsOf(checkpoint.state),
    imported: report,
    multiLabel: isMultiLabel(checkpoint),
    ownStatistics: takesOwnStatistics(checkpoint),
    quantization: checkpoint.quantization ?? null,
  }
}

/** With a new classifier for `classes` classes, everything else as it is. */
export function renewedNetwork(network: Network, classes: number, seed: number): Network {
  const config = resolveConfig({ ...network.config, classes })
  const { parameters } = freshState(config, seed)
  // The classifier is the last of the parameters.
  const kept = parameterTable(architecture(config)).parameters.find(({ name }) => name === 'classifier.weight')!.offset
  parameters.set(network.state.parameters.subarray(0, kept))
  const state = { parameters, running: network.state.running.slice(), training: {} }
  const imported = network.imported && { ...network.imported, headless: null }
  return { ...network, config, state, classes: [], imported, multiLabel: classes === 1 }
}

/** With layers in int8: their weights are those that int8 has. */
export function quantizedNetwork(network: Network, quantization: Quantization): Network {
  const parameters = network.state.parameters.slice()
  const described = architecture(network.config)
  const entries = new Map(parameterTable(described).parameters.map(entry => [entry.name, entry]))
  for (const { name, output } of quantizedLayers(described, quantization).flatMap(({ convolutions }) => convolutions)) {
    const { offset, count } = entries.get(`${name}.weight`)!
    const weights = parameters.subarray(offset, offset + count)
    const { wholes, scales } = wholeWeights(weights, output.channels)
    scaledWeights(wholes, scales, weights)
  }
  return { ...network, state: { ...network.state, parameters }, quantization }
}

/** Weights, classes, normalisation and preprocessing, as our own files keep them. */
export function checkpointOf(network: Network): Checkpoint {
  const { config, classes, normalisation, preprocessing, multiLabel, ownStatistics, quantization, state } = network
  return {
    config,
    classes,
    normalisation,
    preprocessing,
    ...(multiLabel ? { multiLabel } : {}),
    ...(ownStatistics ? { ownStatistics } : {}),
    ...(quantization ? { quantization } : {}),
    dataset: null,
    recipe: null,
    progress: null,
    state,
  }
}

/** What other programs are told of it. */
export function exportedOf(network: Network): ExportedNetwork {
  const { config, classes, normalisation, multiLabel, quantization } = network
  const { parameters, running } = network.state
  const preprocessing = config.height === config.width ? inputPreprocessing(network) : null
  return { config, classes, normalisation, preprocessing, multiLabel, quantization, parameters, running }
}
