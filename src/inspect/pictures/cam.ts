// Grad-CAM as a row of pictures: the image as the network sees it, then for each class the map laid over it.
import { extremes } from '../../util/statistics.js'
import type { GradCam } from '../class-maps.js'
import type { Pixels } from '../seen-image.js'
import { colourAt, INFERNO } from './colours.js'
import { enlarged, enlargement, imageElement } from './raster.js'
import { document, text, textWidth } from './svg.js'

const TILE = 224
const MARGIN = 12
const COLUMNS = 4

/** `pixels`: of readSeen, for the same image. */
export async function drawGradCam({ layer, height, width, maps }: GradCam, pixels: Pixels): Promise<string> {
  const image = enlarged(pixels, enlargement(pixels, TILE))
  const tiles = [
    { label: 'what the network sees', note: '', pixels: image },
    ...maps.map(({ label, probability, values }) => ({
      label: shortened(label, image.width),
      note: `${(100 * probability).toFixed(1)} %`,
      pixels: overlaid(image, values, { height, width }),
    })),
  ]
  const columns = Math.min(COLUMNS, tiles.length)
  const [across, down] = [image.width + MARGIN, image.height + 32 + MARGIN]
  const parts = await Promise.all(
    tiles.map(async (tile, i) => {
      const [x, y] = [MARGIN + (i % columns) * across, 30 + Math.floor(i / columns) * down]
      const place = { x, y, width: image.width, height: image.height }
      const labels = [
        text(x, y + image.height + 15, tile.label, { bold: true }),
        text(x, y + image.height + 29, tile.note),
      ]
      return [await imageElement(tile.pixels, place), ...labels]
    }),
  )
  const rows = Math.ceil(tiles.length / columns)
  const title = `Grad-CAM at ${layer}, ${height} x ${width}`
  const spoken = `${title}: ${maps.map(({ label }) => label).join(', ')}`
  return document(
    MARGIN + columns * across,
    30 + rows * down,
    spoken,
    text(MARGIN, 19, `${title}; each map from 0 to its largest`, { size: 11 }),
    ...parts,
  )
}

/** A map in inferno over an image: the stronger, the less of the image shows through. The map is interpolated bilinearly
 * between the middles of its pixels. */
export function overlaid(
  image: Pixels,
  values: readonly number[],
  size: { readonly height: number; readonly width: number },
): Pixels {
  const [, largest] = extremes(values)
  const data = new Uint8Array(image.data.length)
  const at = interpolator(values, size, image)
  for (let i = 0; i < image.height * image.width; i++) {
    const share = largest > 0 ? at(Math.floor(i / image.width), i % image.width) / largest : 0
    const colour = colourAt(INFERNO, 0.15 + 0.8 * share)
    const covers = 0.35 + 0.4 * share
    for (let c = 0; c < 3; c++)
      data[3 * i + c] = Math.round((1 - covers) * image.data[3 * i + c]! + covers * colour[c]!)
  }
  return { ...image, data }
}

function interpolator(
  values: readonly number[],
  from: { readonly height: number; readonly width: number },
  to: { readonly height: number; readonly width: number },
): (y: number, x: number) => number {
  const place = (index: number, source: number, target: number) => {
    const exact = Math.min(source - 1, Math.max(0, ((index + 0.5) * source) / target - 0.5))
    const first = Math.min(Math.floor(exact), Math.max(0, source - 2))
    return { first, second: Math.min(first + 1, source - 1), share: exact - first }
  }
  const rows = Array.from({ length: to.height }, (_, y) => place(y, from.height, to.height))
  const columns = Array.from({ length: to.width }, (_, x) => place(x, from.width, to.width))
  return (y, x) => {
    const [row, column] = [rows[y]!, columns[x]!]
    const across = (line: number): number => {
      const at = line * from.width
      return (1 - column.share) * values[at + column.first]! + column.share * values[at + column.second]!
    }
    return (1 - row.share) * across(row.first) + row.share * across(row.second)
  }
}

function shortened(label: string, room: number): string {
  let shown = label
  while (shown.length > 4 && textWidth(shown) > room) shown = `${shown.slice(0, -2).trimEnd()}…`
  return shown
}
