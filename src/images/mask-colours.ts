// The colours that classes of pixels have in pictures.

/** How much of the image shows through. */
const SHOWS = 0.45

/** Pascal VOC's colours, which are easy to tell apart: the bits of a number, spread over red, green and blue from the highest on. */
export function colourOf(label: number): [number, number, number] {
  const colour: [number, number, number] = [0, 0, 0]
  // The first of Pascal's is black, for the background.
  for (let rest = label + 1, bit = 7; rest > 0; rest >>= 3, bit--) {
    for (let i = 0; i < 3; i++) colour[i]! |= ((rest >> i) & 1) << bit
  }
  return colour
}

/** #c00080 */
export const colourText = (colour: readonly number[]): string =>
  `#${colour.map(value => value.toString(16).padStart(2, '0')).join('')}`

/** Bytes of an image, red, green and blue of each pixel, in grey with the colours of their classes laid over them, which the image's own
 * would change; where a pixel has none (less than 0) the image stays as it is. */
export function laidOver(image: Uint8Array, labels: ArrayLike<number>): Uint8Array {
  const mixed = Uint8Array.from(image)
  for (let p = 0; p < labels.length; p++) {
    if (labels[p]! < 0) continue
    const colour = colourOf(labels[p]!)
    const grey = 0.299 * image[3 * p]! + 0.587 * image[3 * p + 1]! + 0.114 * image[3 * p + 2]!
    for (let c = 0; c < 3; c++) mixed[3 * p + c] = SHOWS * grey + (1 - SHOWS) * colour[c]!
  }
  return mixed
}
