// What a layer makes of an image: its feature maps, with running statistics.
import { createFeatureExtractor } from '../engine/features.js'
import type { ImageInput } from '../inference/image-input.js'
import { architecture } from '../model/architecture.js'
import { featureLayer, LAST_MAPS } from '../model/feature-layers.js'
import { refuseQuantized } from '../model/quantization.js'
import { type InspectedNetwork, type InspectOptions, onBackend } from './network.js'
import { readSeen } from './seen-image.js'

/** Of what layer, and on which backend. */
export interface ActivationOptions extends InspectOptions {
  /** A name of featureLayers; default: `features.relu5`, the last feature maps. */
  readonly layer?: string | undefined
}

/** The feature maps of a layer for one image. */
export interface Activations {
  readonly layer: string
  readonly channels: number
  readonly height: number
  readonly width: number
  /** [channels][height][width] */
  readonly values: readonly number[]
}

/** What a layer makes of an image. A usage error where there is no such layer, or the image cannot be read. */
export async function activations(
  network: InspectedNetwork,
  image: ImageInput,
  options: ActivationOptions = {},
): Promise<Activations> {
  refuseQuantized(network.quantization, 'inspecting')
  const described = architecture(network.config)
  const { name: layer, channels, height, width } = featureLayer(described, options.layer ?? LAST_MAPS)
  const { input } = await readSeen(network, image)
  return onBackend(options, async backend => {
    const extractor = await createFeatureExtractor(described, backend, network.state, { batchSize: 1, layer })
    try {
      return { layer, channels, height, width, values: [...(await extractor.run(input, 1))] }
    } finally {
      extractor.dispose()
    }
  })
}
