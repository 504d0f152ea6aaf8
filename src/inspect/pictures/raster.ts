// Pictures made of pixels: sheets of small tiles, and heat laid over an image, as PNG to stand in an SVG.
import { loadSharp } from '../../data/loading/decode.js'
import { type Markup, svg } from '../../util/markup.js'
import type { Pixels } from '../seen-image.js'
import { type ColourScale, colourAt } from './colours.js'

/** Each pixel becomes `times` x `times`. */
export function enlarged({ height, width, data }: Pixels, times: number): Pixels {
  const result = new Uint8Array(3 * height * width * times * times)
  for (let y = 0; y < height * times; y++) {
    for (let x = 0; x < width * times; x++) {
      const from = 3 * (Math.floor(y / times) * width + Math.floor(x / times))
      result.set(data.subarray(from, from + 3), 3 * (y * width * times + x))
    }
  }
  return { height: height * times, width: width * times, data: result }
}

/** How many times small tiles are to be enlarged to have about `pixels`. */
export const enlargement = ({ width }: { readonly width: number }, pixels: number): number =>
  Math.max(1, Math.round(pixels / width))

/** [height][width] numbers in colours; `range`: which ones are the ends of the scale. What is not finite is grey. */
export function coloured(
  values: ArrayLike<number>,
  { height, width }: { readonly height: number; readonly width: number },
  colours: ColourScale,
  [least, most]: readonly [number, number],
): Pixels {
  const data = new Uint8Array(3 * height * width)
  for (let i = 0; i < height * width; i++) {
    const value = values[i]!
    const share = most > least ? (value - least) / (most - least) : 0
    data.set(Number.isFinite(value) ? colourAt(colours, share) : [136, 136, 136], 3 * i)
  }
  return { height, width, data }
}

/** Tiles of one size in rows of `columns`, `gap` pixels apart; between them the picture is transparent. */
export function sheetOf(tiles: readonly Pixels[], columns: number, gap: number) {
  const { height, width } = tiles[0]!
  const rows = Math.ceil(tiles.length / columns)
  const size = { height: rows * (height + gap) - gap, width: columns * (width + gap) - gap }
  const data = new Uint8Array(4 * size.height * size.width)
  for (const [n, tile] of tiles.entries()) {
    const [top, left] = [Math.floor(n / columns) * (height + gap), (n % columns) * (width + gap)]
    for (let i = 0; i < height * width; i++) {
      const to = 4 * ((top + Math.floor(i / width)) * size.width + left + (i % width))
      data.set(tile.data.subarray(3 * i, 3 * i + 3), to)
      data[to + 3] = 255
    }
  }
  return { ...size, data }
}

/** An SVG image. */
export async function imageElement(
  pixels: Pixels,
  { x, y, width, height }: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): Promise<Markup> {
  return svg`<image x="${x}" y="${y}" width="${width}" height="${height}" href="${await pngAddress(pixels)}"/>`
}

/** Pixels of three or four bytes each as an address with the picture in it. */
export async function pngAddress({ height, width, data }: Pixels): Promise<string> {
  const sharp = await loadSharp()
  const channels = data.length === 4 * height * width ? 4 : 3
  const image = sharp(data, { raw: { width, height, channels } })
  const png = await image.png({ compressionLevel: 9 }).toBuffer()
  return `data:image/png;base64,${png.toString('base64')}`
}
