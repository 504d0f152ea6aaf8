// Images with masks that tests make: each pixel of an image has the colour of its class.
import sharp from 'sharp'
import { encodeMask } from '../../dist/data/loading/png-mask.js'
import { put } from './pictures.js'

/** Red, green and blue of the classes 0, 1, 2; of pixels without one grey. */
export const COLOURS: readonly (readonly [number, number, number])[] = [
  [250, 10, 10],
  [10, 250, 10],
  [10, 10, 250],
]
const GREY = [128, 128, 128]

/** Classes by place: stripes that lean, a corner without a label. `shift` makes them differ from picture to picture. */
export function classesOf(height: number, width: number, shift = 0): Uint32Array {
  return Uint32Array.from({ length: height * width }, (_, i) => {
    const [y, x] = [Math.floor(i / width), i % width]
    return y + x < 3 ? 255 : Math.floor((2 * x + y + 5 * shift) / 7) % 3
  })
}

export const pictureOf = (values: Uint32Array, height: number, width: number): Promise<Buffer> => {
  const data = Buffer.from([...values].flatMap(value => COLOURS[value] ?? GREY))
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
}

export const maskOf = (values: Uint32Array, height: number, width: number): Uint8Array =>
  encodeMask({ height, width, values }, [...COLOURS, ...new Array(253).fill(GREY)])

/** images/* and masks/* in `folder`. */
export async function putMasks(folder: string, count: number, height: number, width: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const values = classesOf(height, width, i)
    put(folder, `images/${i}.png`, await pictureOf(values, height, width))
    put(folder, `masks/${i}.png`, maskOf(values, height, width))
  }
}
