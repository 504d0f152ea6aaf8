// Batches of images with masks: both are moved alike, by the same random numbers, and colours change in the image alone.
import { DenseNetError } from '../errors.js'
import { type DecodedImage, withChannels } from '../images/image.js'
import { type DecodedMask, framed, type Masks, maskImage, movesPixels, VOID } from '../images/masks.js'
import { normaliseImage } from '../images/normalise.js'
import { applyTransform, type Transform } from '../images/transforms/transform.js'
import { randomStream } from '../util/random.js'
import type { BatchWriter, DecodeFile, StoreFacts, Unreadable } from './batch-work.js'

export interface MaskStore extends StoreFacts {
  readonly transforms: readonly Transform[]
  /** What the numbers in masks mean. */
  readonly meaning: Masks['meaning']
}

/** A mask's file to numbers. Every failure is an Error that says why, without the file's name. */
export type DecodeMask = (file: string) => Promise<DecodedMask>

export function maskWriter(store: MaskStore, decode: DecodeFile, decodeMask: DecodeMask | null): BatchWriter {
  if (decodeMask === null)
    throw new DenseNetError('images with masks cannot be read here: masks are files of Node alone')
  const { shape, normalisation, transforms, meaning, seed } = store
  const { channels, height, width } = shape
  const pixels = height * width
  const pair = (image: DecodedImage, mask: DecodedMask, epoch: number, index: number) => {
    if (image.height !== mask.height || image.width !== mask.width) {
      const [of, is] = [image, mask].map(({ height, width }) => `${width} x ${height}`)
      throw new DenseNetError(`it is ${of} pixels, its mask ${is}`)
    }
    let [shown, labels] = [withChannels(image, channels), maskImage(mask, meaning)]
    for (const [place, transform] of transforms.entries()) {
      const random = () => randomStream(seed, 'augmentation', epoch, index, place)
      shown = applyTransform(shown, transform, random(), normalisation.mean)
      if (movesPixels(transform)) labels = applyTransform(labels, transform, random(), [VOID])
    }
    return [framed(shown, height, width, normalisation.mean), framed(labels, height, width, [VOID])] as const
  }
  return async ({ images, files, masks, epoch }, target) => {
    const unreadable: Unreadable[] = []
    const doubtful: Unreadable[] = []
    let size = 0
    for (const [i, index] of images.entries()) {
      const [file, mask] = [files![i]!, masks![i]!]
      try {
        const image = await decode(file)
        if (image.doubt !== undefined) doubtful.push({ file, reason: image.doubt })
        const labels = await decodeMask(mask).catch(error => {
          throw new Error(`its mask ${mask}: ${(error as Error).message}`)
        })
        const [shown, labelled] = pair(image, labels, epoch, index)
        normaliseImage(shown, normalisation, target.images, size * channels * pixels)
        target.labels.set(labelled.data, size * pixels)
        target.indices[size++] = index
      } catch (error) {
        unreadable.push({ file, reason: error instanceof Error ? error.message : String(error) })
      }
    }
    return { size, unreadable, doubtful }
  }
}
