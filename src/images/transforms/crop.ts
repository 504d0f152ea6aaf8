// Cutting out and mirroring. Where a window reaches beyond the image, the fill colour shows.

import { type Box, emptyImage, type Image } from '../image.js'

/** A window of an image, which may reach beyond it; mirrored left to right if wanted. */
export function cropBox(image: Image, box: Box, mirrored = false, fill?: readonly number[]): Image {
  const output = emptyImage(image.channels, box.height, box.width)
  const inside = box.left >= 0 && box.top >= 0 && right(box) <= image.width && bottom(box) <= image.height
  if (!inside) fillWith(output, fill ?? [])
  const x0 = Math.max(0, -box.left)
  const x1 = Math.min(box.width, image.width - box.left)
  for (let channel = 0; channel < image.channels; channel++) {
    for (let y = Math.max(0, -box.top); y < Math.min(box.height, image.height - box.top); y++) {
      const from = (channel * image.height + box.top + y) * image.width + box.left
      const to = (channel * box.height + y) * box.width
      if (x1 > x0 && !mirrored) output.data.set(image.data.subarray(from + x0, from + x1), to + x0)
      else for (let x = x0; x < x1; x++) output.data[to + box.width - 1 - x] = image.data[from + x]!
    }
  }
  return output
}

export const mirror = (image: Image): Image =>
  cropBox(image, { left: 0, top: 0, width: image.width, height: image.height }, true)

/** Paints all of an image, or a box of it, in one colour. Changes the image. */
export function fillWith(image: Image, colour: readonly number[], box?: Box): void {
  const { channels, height, width, data } = image
  const left = Math.max(0, box?.left ?? 0)
  const top = Math.max(0, box?.top ?? 0)
  const [x1, y1] = box ? [Math.min(width, right(box)), Math.min(height, bottom(box))] : [width, height]
  for (let channel = 0; channel < channels; channel++) {
    for (let y = top; y < y1; y++) {
      const row = (channel * height + y) * width
      if (x1 > left) data.fill(colour[channel] ?? 0, row + left, row + x1)
    }
  }
}

const right = ({ left, width }: Box): number => left + width
const bottom = ({ top, height }: Box): number => top + height
