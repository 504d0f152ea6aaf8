// Where a network sees its classes in one image after the other, as a camera gives them: what that takes is kept ready.
import type { Backend } from '../engine/backend.js'
import { createFeatureExtractor, type FeatureExtractor } from '../engine/features.js'
import { inputSize, writeInput } from '../images/network-input.js'
import { type ImageInput, type Reading, readBy } from '../inference/image-input.js'
import { describedMaps, type GradCam, mapsOfLast } from '../inspect/class-maps.js'
import { architecture } from '../model/architecture.js'
import { LAST_MAPS } from '../model/feature-layers.js'
import { refuseQuantized } from '../model/quantization.js'
import type { Network } from '../networks/network.js'

export class Seeing {
  #kept: { readonly backend: Backend; readonly state: object; readonly extractor: FeatureExtractor } | null = null

  /** Grad-CAM of all classes, the likeliest first, at the last feature maps. */
  async gradCam(network: Network, image: ImageInput, backend: Backend, reading: Reading): Promise<GradCam> {
    refuseQuantized(network.quantization, 'Grad-CAM')
    const extractor = await this.#extractor(network, backend)
    const input = new Float32Array(inputSize(network.config))
    writeInput(await readBy(reading, image), network, input)
    const { layer } = extractor
    const every = Array.from({ length: network.config.classes }, (_, index) => index)
    const found = mapsOfLast(network, await extractor.run(input, 1), layer, () => every)
    const maps = describedMaps(network, found).sort((a, b) => b.score - a.score)
    return { layer: layer.name, height: layer.height, width: layer.width, maps }
  }

  /** Another one than before only on another backend or with other weights. */
  async #extractor({ config, state }: Network, backend: Backend): Promise<FeatureExtractor> {
    if (this.#kept?.backend !== backend || this.#kept.state !== state) {
      this.#kept?.extractor.dispose()
      this.#kept = null
      const options = { batchSize: 1, layer: LAST_MAPS }
      const extractor = await createFeatureExtractor(architecture(config), backend, state, options)
      this.#kept = { backend, state, extractor }
    }
    return this.#kept.extractor
  }
}
