// What a layer of a network makes of images: the forward pass as far as that layer, with running statistics.
import type { Architecture } from '../model/architecture.js'
import { type FeatureLayer, featureLayer, POOLED } from '../model/feature-layers.js'
import type { Quantization } from '../model/quantization.js'
import type { Backend } from './backend.js'
import { createInference, type Inference } from './inference.js'
import type { Program } from './program.js'
import type { SessionState } from './session.js'

export interface FeatureOptions {
  readonly batchSize: number
  /** A name of featureLayers; default: `pooled`, what the classifier reads. */
  readonly layer?: string | undefined
  /** See InferenceOptions. */
  readonly quantization?: Quantization | undefined
  /** As inferenceProgram gives it for these options, where it is planned already. */
  readonly program?: Program
}

/** Its results are [size][channels][height][width] of the layer. */
export interface FeatureExtractor extends Inference {
  readonly layer: FeatureLayer
}

/** Makes a network ready to give features of one layer. A usage error where it has no such layer. */
export async function createFeatureExtractor(
  architecture: Architecture,
  backend: Backend,
  state: Pick<SessionState, 'parameters' | 'running'>,
  { layer: name = POOLED, ...options }: FeatureOptions,
): Promise<FeatureExtractor> {
  const layer = featureLayer(architecture, name)
  return { layer, ...(await createInference(architecture, backend, state, { ...options, layer: name })) }
}
