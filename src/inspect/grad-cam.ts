// Grad-CAM: where in an image a network sees a class. R. R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh and
// D. Batra, Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, ICCV 2017:
//   alpha_k = mean over pixels of d y / d A_k           (equation 1; y: the class's score before softmax)
//   map     = ReLU(sum over k of alpha_k A_k)           (equation 2; A_k: feature map k of a layer)
// At a DenseNet's last feature maps, after batch norm and ReLU, there is only the mean over pixels and a linear classifier
// above, so that d y / d A_k is the classifier's weight over the number of pixels: the map is the class activation map of
// Zhou et al. (2016). Of every other layer the engine's backward pass gives the gradient.

import type { Backend, Numbers } from '../engine/backend.js'
import { createFeatureExtractor } from '../engine/features.js'
import { createScoreGradients } from '../engine/score-gradients.js'
import { parameterError, usageError } from '../errors.js'
import { inputSize } from '../images/network-input.js'
import { classNames, topClasses } from '../inference/classify.js'
import type { ImageInput } from '../inference/image-input.js'
import { refuseHeadless } from '../interop/import-weights.js'
import { architecture } from '../model/architecture.js'
import { refusePixels } from '../model/describe.js'
import { type FeatureLayer, featureCount, featureLayer, gradientLayers, LAST_MAPS } from '../model/feature-layers.js'
import { refuseQuantized } from '../model/quantization.js'
import { classIndex } from './class-index.js'
import { type ClassMaps, describedMaps, type GradCam, mapsOfLast, meanOf, weighted } from './class-maps.js'
import { type InspectedNetwork, type InspectOptions, onBackend } from './network.js'
import { readSeen } from './seen-image.js'

/** Of which classes, at what layer, and on which backend. */
export interface GradCamOptions extends InspectOptions {
  /** Numbers or names of classes; default: the likeliest ones. */
  readonly classes?: readonly (number | string)[] | undefined
  /** How many of the likeliest; default 3. */
  readonly top?: number | undefined
  /** Whose feature maps: a name of gradCamLayers; default: the last ones, `features.relu5`. */
  readonly layer?: string | undefined
}

/** Layers whose maps it can be made of, in the order of computation. */
export function gradCamLayers({ config }: Pick<InspectedNetwork, 'config'>): FeatureLayer[] {
  const described = architecture(config)
  return [...gradientLayers(described), featureLayer(described, LAST_MAPS)]
}

/** One map for each class. An image is whatever classify takes; it is brought to the network's size first, and the maps
 * are of what the network then sees. */
export async function gradCam(
  network: InspectedNetwork,
  image: ImageInput,
  options: GradCamOptions = {},
): Promise<GradCam> {
  refuseHeadless(network.imported ?? null, 'Grad-CAM')
  refusePixels(network.config, 'Grad-CAM')
  refuseQuantized(network.quantization, 'Grad-CAM')
  const { config, multiLabel, state } = network
  const { layer = LAST_MAPS, top = 3 } = options
  if (!Number.isInteger(top) || top < 1) throw parameterError('top', 'a whole number of at least 1', top)
  const { height, width } = featureLayer(architecture(config), layer, gradCamLayers(network))
  const names = classNames(network.classes, config)
  const asked = options.classes?.map(wanted => classIndex(wanted, names, config.classes))
  if (asked?.length === 0) throw usageError('no classes were asked for')
  const { input } = await readSeen(network, image)
  return onBackend(options, async backend => {
    const choose = (logits: Numbers) => asked ?? topClasses(logits, { top, multiLabel }).map(({ index }) => index)
    const found = await classMaps({ config, state }, backend, input, layer, choose)
    return { layer, height, width, maps: describedMaps(network, found) }
  })
}

/** Of one image as the network reads it, [channels][height][width], for the classes that `choose` picks by the logits. */
export async function classMaps(
  network: Pick<InspectedNetwork, 'config' | 'state'>,
  backend: Backend,
  image: Numbers,
  layer: string,
  choose: (logits: Numbers) => readonly number[],
): Promise<ClassMaps> {
  return layer === LAST_MAPS
    ? lastMaps(network, backend, image, choose)
    : innerMaps(network, backend, image, layer, choose)
}

async function lastMaps(
  { config, state }: Pick<InspectedNetwork, 'config' | 'state'>,
  backend: Backend,
  image: Numbers,
  choose: (logits: Numbers) => readonly number[],
): Promise<ClassMaps> {
  const extractor = await createFeatureExtractor(architecture(config), backend, state, {
    batchSize: 1,
    layer: LAST_MAPS,
  })
  try {
    const features = await extractor.run(image, 1)
    return mapsOfLast({ config, state }, features, extractor.layer, choose)
  } finally {
    extractor.dispose()
  }
}

/** How many classes go through the network at once, each with a copy of the image. */
const AT_ONCE = 4

async function innerMaps(
  { config, state }: Pick<InspectedNetwork, 'config' | 'state'>,
  backend: Backend,
  image: Numbers,
  layer: string,
  choose: (logits: Numbers) => readonly number[],
): Promise<ClassMaps> {
  const runner = await createScoreGradients(architecture(config), backend, state, { batchSize: AT_ONCE, layer })
  try {
    const { classes } = config
    const size = inputSize(config)
    const { channels, height, width } = runner.layer
    const [count, pixels] = [featureCount(runner.layer), height * width]
    const run = (chosen: readonly number[]) => {
      const images = new Float64Array(chosen.length * size)
      const targets = new Float64Array(chosen.length * classes)
      for (const [n, c] of chosen.entries()) {
        images.set(image, n * size)
        targets[n * classes + c] = 1
      }
      return runner.run(images, targets, chosen.length)
    }
    const logits = (await run([0])).logits
    const wanted = [...new Set(choose(logits))]
    const maps = new Map<number, Float64Array>()
    for (let first = 0; first < wanted.length; first += AT_ONCE) {
      const part = wanted.slice(first, first + AT_ONCE)
      const { features, gradients } = await run(part)
      for (const [n, c] of part.entries()) {
        const own = gradients.subarray(n * count, (n + 1) * count)
        const alphas = Float64Array.from({ length: channels }, (_, k) => meanOf(own, k, pixels))
        maps.set(c, weighted(features, alphas, pixels))
      }
    }
    return { logits, maps }
  } finally {
    runner.dispose()
  }
}
