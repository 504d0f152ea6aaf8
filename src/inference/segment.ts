// What each pixel of an image is of: the image as it is, of any size, through a network that classifies pixels.
import type { Backend } from '../engine/backend.js'
import { createInference, type Inference } from '../engine/inference.js'
import type { SessionState } from '../engine/session.js'
import { usageError } from '../errors.js'
import { type Image, withChannels } from '../images/image.js'
import { checkNormalisation, type NetworkInput } from '../images/network-input.js'
import { normaliseImage } from '../images/normalise.js'
import { architecture } from '../model/architecture.js'
import { type DenseNetConfig, resolveConfig } from '../model/config.js'

/** What the pixels of an image are of. */
export interface Segmentation {
  readonly height: number
  readonly width: number
  /** [height][width]: the likeliest class of each pixel. */
  readonly labels: Uint16Array
  /** [height][width]: its probability. */
  readonly probabilities: Float32Array
}

export interface SegmenterOptions extends NetworkInput {
  readonly state: Pick<SessionState, 'parameters' | 'running'>
  readonly backend: Backend
  /** Batch norms take the statistics of the image, as FC-DenseNet's authors do, not the running ones; default false. */
  readonly ownStatistics?: boolean | undefined
}

/** A network that classifies pixels, ready on a backend. */
export interface Segmenter {
  /** Calls are answered one after the other. */
  segment(image: Image): Promise<Segmentation>
  /** Frees its memory when what was asked for is answered. */
  dispose(): Promise<void>
}

/** Refuses networks that classify whole images. */
export function checkSegments({ family }: DenseNetConfig): void {
  if (family === 'fc-densenet') return
  throw usageError(
    'this network says the class of an image, not those of its pixels',
    'densenet classify; networks for pixels are trained by densenet train fc-densenet-56 --dataset FOLDER_WITH_MASKS',
  )
}

/** The program for the size of the last image is kept: images often come in one size. */
export function createSegmenter(options: SegmenterOptions): Segmenter {
  const { config, state, backend, ownStatistics } = options
  checkSegments(config)
  const normalisation = checkNormalisation(options)
  let ready: { readonly key: string; readonly inference: Inference } | null = null

  const readyFor = async (height: number, width: number): Promise<Inference> => {
    const key = `${height} x ${width}`
    if (ready?.key === key) return ready.inference
    ready?.inference.dispose()
    ready = null
    const described = architecture(resolveConfig({ ...config, height, width }))
    const inference = await createInference(described, backend, state, { batchSize: 1, ownStatistics })
    ready = { key, inference }
    return inference
  }
  const segment = async (given: Image): Promise<Segmentation> => {
    const image = withChannels(given, config.inputChannels)
    const { height, width } = image
    const input = new Float32Array(image.data.length)
    normaliseImage(image, normalisation, input, 0)
    const inference = await readyFor(height, width)
    return { height, width, ...likeliest(await inference.run(input, 1), config.classes) }
  }
  let queue: Promise<unknown> = Promise.resolve()
  return {
    segment(image) {
      const answer = queue.then(() => segment(image))
      queue = answer.catch(() => {})
      return answer
    },
    async dispose() {
      await queue
      ready?.inference.dispose()
    },
  }
}

/** Of scores [classes][pixels]. */
function likeliest(scores: ArrayLike<number>, classes: number): Pick<Segmentation, 'labels' | 'probabilities'> {
  const pixels = scores.length / classes
  const [labels, probabilities] = [new Uint16Array(pixels), new Float32Array(pixels)]
  for (let p = 0; p < pixels; p++) {
    let best = 0
    for (let c = 1; c < classes; c++) if (scores[c * pixels + p]! > scores[best * pixels + p]!) best = c
    let total = 0
    for (let c = 0; c < classes; c++) total += Math.exp(scores[c * pixels + p]! - scores[best * pixels + p]!)
    labels[p] = best
    probabilities[p] = 1 / total
  }
  return { labels, probabilities }
}

/** Share of the pixels of each class. */
export function sharesOf({ labels }: Segmentation, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0)
  for (const label of labels) counts[label]!++
  return counts.map(count => count / labels.length)
}
