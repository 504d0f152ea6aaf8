// A network that classifies pixels, served: one image after the other, each as it is, of any size.
import { createBackend } from '../backends/registry.js'
import { decodeImage } from '../data/loading/decode.js'
import type { DenseNet } from '../densenet.js'
import { DenseNetError } from '../errors.js'
import { colourOf } from '../images/mask-colours.js'
import { createSegmenter, type Segmentation, sharesOf } from '../inference/segment.js'
import { maskPicture, overlayPicture } from '../inference/segment-pictures.js'
import type { ServedNetwork } from './answers.js'
import type { Limits, ServerOptions } from './options.js'
import type { SegmentedImage } from './schemas.js'

/** Pixels that the engine may have at once: activations of a larger image would take gigabytes. */
const MOST_PIXELS = 2 ** 21

export async function servePixels(model: DenseNet, options: ServerOptions, limits: Limits): Promise<ServedNetwork> {
  const { config, normalisation, preprocessing, ownStatistics, classes } = model
  const backend = await createBackend(options)
  const network = { config, normalisation, preprocessing, ownStatistics, state: model.state, backend }
  const segmenter = createSegmenter(network)
  let waiting = 0
  return {
    backend: backend.description,
    classes,
    get waiting() {
      return waiting
    },
    async answer(_, bytes, signal) {
      waiting++
      try {
        const image = await decodeImage(bytes, Math.min(limits.maxPixels, MOST_PIXELS))
        signal.throwIfAborted()
        const result = await segmenter.segment(image)
        signal.throwIfAborted()
        const pictures = { mask: maskPicture(result), overlay: await overlayPicture(image, result) }
        return { segmented: described(result, classes, config.classes, pictures), doubt: image.doubt }
      } catch (error) {
        if (error instanceof DenseNetError) return { reason: error.message }
        throw error
      } finally {
        waiting--
      }
    },
    async close() {
      await segmenter.dispose()
      backend.dispose()
    },
  }
}

function described(
  result: Segmentation,
  names: readonly string[],
  classes: number,
  { mask, overlay }: { readonly mask: Uint8Array; readonly overlay: Uint8Array },
): SegmentedImage {
  const { height, width } = result
  const found = sharesOf(result, classes)
    .map((share, index) => ({ label: names[index] ?? String(index), index, share, colour: colourOf(index) }))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share)
  const [maskText, overlayText] = [mask, overlay].map(bytes => Buffer.from(bytes).toString('base64'))
  return { height, width, classes: found, mask: maskText!, overlay: overlayText! }
}
