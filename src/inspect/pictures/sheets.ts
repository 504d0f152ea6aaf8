// Contact sheets: the first filters, and the feature maps of a layer.
import { extremes } from '../../util/statistics.js'
import type { Activations } from '../activations.js'
import type { Filters } from '../filters.js'
import type { Pixels } from '../seen-image.js'
import { VIRIDIS } from './colours.js'
import { coloured, enlarged, enlargement, imageElement, sheetOf } from './raster.js'
import { type Drawing, document, text, textWidth } from './svg.js'

const MARGIN = 12
const GAP = 4
const WIDTH = 640

/** Filters in the colours they look for: middle grey is 0, and each filter's largest weight is as far from it as can be.
 * Filters of images that are not red, green and blue are drawn channel by channel. */
export async function drawFilters(
  { name, count, channels, size, values }: Filters,
  { room }: Drawing = {},
): Promise<string> {
  const area = size * size
  const shape = { height: size, width: size }
  const tiles: Pixels[] = []
  for (let filter = 0; filter < count; filter++) {
    const own = values.slice(filter * channels * area, (filter + 1) * channels * area)
    const largest = Math.max(0, ...extremes(own).map(Math.abs).filter(Number.isFinite)) || 1
    const byte = (value: number): number => Math.round(127.5 + (127.5 * (Number.isFinite(value) ? value : 0)) / largest)
    const planes = channels === 3 ? [[0, 1, 2]] : Array.from({ length: channels }, (_, c) => [c, c, c])
    for (const plane of planes) {
      const data = new Uint8Array(3 * area)
      for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) data[3 * i + c] = byte(own[plane[c]! * area + i]!)
      tiles.push({ ...shape, data })
    }
  }
  const title = `${name}: ${count} filters of ${channels} x ${size} x ${size}`
  return sheet(tiles, { pixels: 44, room }, title, 'dark below 0, grey 0, light above; each to its own largest')
}

/** The first `most` feature maps, each in viridis from its least value to its largest. */
export async function drawActivations(
  activations: Activations,
  { most = 64, room }: Drawing & { readonly most?: number | undefined } = {},
): Promise<string> {
  const { layer, channels, height, width, values } = activations
  const shown = Math.min(most, channels)
  // Single pixels say something only beside each other.
  const common = height * width === 1 ? extremes(values) : null
  const tiles = Array.from({ length: shown }, (_, k) => {
    const map = values.slice(k * height * width, (k + 1) * height * width)
    return coloured(map, { height, width }, VIRIDIS, common ?? extremes(map))
  })
  const which = shown < channels ? `the first ${shown} of ${channels} maps` : `${channels} maps`
  const title = `${layer}: ${which} of ${height} x ${width}`
  const each = common ? 'from the least' : 'each from its least'
  return sheet(tiles, { pixels: 64, room }, title, `${each} value (dark) to the largest (light)`)
}

async function sheet(
  tiles: readonly Pixels[],
  { pixels, room = WIDTH }: Drawing & { readonly pixels: number },
  title: string,
  note: string,
): Promise<string> {
  const times = enlargement(tiles[0]!, pixels)
  const large = tiles.map(tile => enlarged(tile, times))
  const step = large[0]!.width + GAP
  const columns = Math.max(1, Math.min(tiles.length, Math.floor((Math.min(WIDTH, room - 2 * MARGIN) + GAP) / step)))
  const made = sheetOf(large, columns, GAP)
  const place = { x: MARGIN, y: 44, width: made.width, height: made.height }
  const width = Math.max(made.width, textWidth(title, 12.5), textWidth(note)) + 2 * MARGIN
  return document(
    width,
    place.y + made.height + MARGIN,
    `${title}; ${note}`,
    text(MARGIN, 20, title, { bold: true, size: 12 }),
    text(MARGIN, 35, note),
    await imageElement(made, place),
  )
}
