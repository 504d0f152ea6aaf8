// The arithmetic of Grad-CAM that needs no backward pass, and what its maps are as answers.
import type { Numbers } from '../engine/backend.js'
import { classNames, type Prediction, topClasses } from '../inference/classify.js'
import type { FeatureLayer } from '../model/feature-layers.js'
import type { InspectedNetwork } from './network.js'
import { parametersOf } from './parameters.js'

/** Where the network sees one class. */
export interface ClassMap extends Prediction {
  /** Before softmax or sigmoid. */
  readonly score: number
  /** [height][width], at least 0, in units of the score; to be looked at, divided by its largest. */
  readonly values: readonly number[]
}

/** Grad-CAM of an image: a map for each class asked for. */
export interface GradCam {
  readonly layer: string
  readonly height: number
  readonly width: number
  readonly maps: readonly ClassMap[]
}

export interface ClassMaps {
  /** [classes] */
  readonly logits: Numbers
  /** By class: [height][width] */
  readonly maps: ReadonlyMap<number, Float64Array>
}

/** Of the last feature maps of an image, as classifier weights times maps (see grad-cam.ts). */
export function mapsOfLast(
  { config, state }: Pick<InspectedNetwork, 'config' | 'state'>,
  features: Numbers,
  layer: FeatureLayer,
  choose: (logits: Numbers) => readonly number[],
): ClassMaps {
  const { channels, height, width } = layer
  const weights = parametersOf({ config, state }, 'classifier.weight')
  const bias = parametersOf({ config, state }, 'classifier.bias')
  const pixels = height * width
  const logits = Float64Array.from({ length: config.classes }, (_, c) => {
    let score = bias[c]!
    for (let k = 0; k < channels; k++) score += weights[c * channels + k]! * meanOf(features, k, pixels)
    return score
  })
  const maps = choose(logits).map(c => {
    const alphas = Float64Array.from({ length: channels }, (_, k) => weights[c * channels + k]! / pixels)
    return [c, weighted(features, alphas, pixels)] as const
  })
  return { logits, maps: new Map(maps) }
}

/** The maps by the names of their classes, with the network's answers. */
export function describedMaps(
  { config, classes, multiLabel }: Pick<InspectedNetwork, 'config' | 'classes' | 'multiLabel'>,
  { logits, maps }: ClassMaps,
): ClassMap[] {
  const answer = topClasses(logits, { top: config.classes, classes: classNames(classes, config), multiLabel })
  const predictions = new Map(answer.map(prediction => [prediction.index, prediction]))
  return [...maps].map(([index, values]) => ({
    ...predictions.get(index)!,
    score: logits[index]!,
    values: [...values],
  }))
}

export function meanOf(features: Numbers, channel: number, pixels: number): number {
  let sum = 0
  for (let i = channel * pixels; i < (channel + 1) * pixels; i++) sum += features[i]!
  return sum / pixels
}

/** ReLU of the sum of alphas[k] times feature map k. */
export function weighted(features: Numbers, alphas: Float64Array, pixels: number): Float64Array {
  const map = new Float64Array(pixels)
  for (const [k, alpha] of alphas.entries()) {
    for (let i = 0; i < pixels; i++) map[i] = map[i]! + alpha * features[k * pixels + i]!
  }
  return map.map(value => Math.max(0, value))
}
