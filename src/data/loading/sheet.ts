// A sheet of images to look at: a row for each image, first as it is evaluated, then as an epoch of training sees it each.
// Mixed images have a caption that says what is in them.

import { usageError } from '../../errors.js'
import type { Augmentation } from '../../images/augment.js'
import { type Batch, type Dataset, MISSING, type Normalisation, takeImages } from '../../images/dataset.js'
import type { Mixing } from '../../images/mixing.js'
import { svg } from '../../util/markup.js'
import { loadSharp } from './decode.js'
import { createLoader } from './loader.js'

export interface SheetOptions {
  /** Rows. */
  readonly images: number
  /** Augmented images in a row. */
  readonly columns: number
  readonly augmentation: Augmentation
  readonly mixing?: Mixing | undefined
  readonly seed: number
  readonly onWarning?: (message: string) => void
}

export interface Sheet {
  readonly png: Uint8Array
  readonly width: number
  readonly height: number
  /** Class of each row, from the top. */
  readonly classes: readonly string[]
  /** Of mixed images [row][column]: "70 % cat, 30 % dog". */
  readonly captions: readonly (readonly string[])[]
}

const GAP = 4
/** Small images are enlarged to about this many pixels. */
const TILE = 128
/** Height of a line of caption. */
const LINE = 15
/** Of a sheet: what a person can look at, and what fits in memory. */
const MOST_PIXELS = 2 ** 26

/** Draws images of a data set beside what augmentation and mixing make of them, as a PNG. */
export async function drawSheet(dataset: Dataset, options: SheetOptions): Promise<Sheet> {
  const { images, columns, augmentation, mixing, seed, onWarning } = options
  const sharp = await loadSharp()
  const { height, width } = dataset
  const scale = Math.max(1, Math.round(TILE / width))
  const tile = { width: width * scale, height: height * scale }
  // The first column stands apart.
  const below = mixing ? 2 * LINE : 0
  const place = (row: number, column: number) => ({
    left: GAP + column * (tile.width + GAP) + (column > 0 ? 2 * GAP : 0),
    top: GAP + row * (tile.height + below + GAP),
  })
  const rowCount = Math.min(images, dataset.length)
  const end = place(rowCount, columns + 1)
  if (end.left * end.top > MOST_PIXELS) {
    const most = Math.floor((MOST_PIXELS / end.left - GAP) / (place(1, 0).top - GAP))
    const size = `${rowCount} images make a sheet of ${end.left} x ${end.top} pixels`
    const instead = most > 0 ? `at most ${most}` : 'smaller images'
    throw usageError(`${size}, which is more than ${MOST_PIXELS} pixels`, `ask for ${instead}`)
  }
  const shown = takeImages(dataset, spread(dataset, rowCount))
  if (mixing && shown.length < 2) throw usageError('it takes two images to be mixed', 'ask for more of them')
  const common = { batchSize: shown.length, seed, shuffle: false, workers: 0, onWarning }
  const tiles: { input: Buffer; left: number; top: number }[] = []
  const rows = new Set<number>()
  const captions: string[][] = Array.from({ length: mixing ? shown.length : 0 }, () => [])
  for (let column = 0; column <= columns; column++) {
    // In another order each time, so that each image meets others.
    const trained = mixing ? { ...common, augmentation, mixing, shuffle: true } : { ...common, augmentation }
    const loader = createLoader(shown, column === 0 ? common : trained)
    for await (const batch of loader.epoch(column)) {
      const { size, images: values, indices } = batch
      for (let i = 0; i < size; i++) {
        rows.add(indices[i]!)
        const pixels = toBytes(values.subarray((i * values.length) / size, ((i + 1) * values.length) / size), dataset)
        const image = sharp(pixels, { raw: { width, height, channels: 3 } })
        const input = await image
          .resize({ ...tile, kernel: 'nearest' })
          .png()
          .toBuffer()
        const at = place(indices[i]!, column)
        tiles.push({ input, ...at })
        if (!batch.share) continue
        const parts = partsOf(batch, i, dataset.classes)
        captions[indices[i]!]![column - 1] = parts.join(', ')
        tiles.push({ input: Buffer.from(captionSvg(parts, tile.width)), left: at.left, top: at.top + tile.height })
      }
    }
  }
  const background = { r: 255, g: 255, b: 255 }
  const sheet = sharp({ create: { width: end.left, height: end.top, channels: 3, background } })
  const classes = [...rows].sort((a, b) => a - b).map(row => nameOf(shown, row))
  return { png: await sheet.composite(tiles).png().toBuffer(), width: end.left, height: end.top, classes, captions }
}

/** What is in mixed image `i`, the larger share first. */
function partsOf({ labels, otherLabels, share, targets }: Batch, i: number, classes: readonly string[]): string[] {
  if (targets) {
    const own = Array.from(targets.subarray(i * classes.length, (i + 1) * classes.length), (part, c) => ({ part, c }))
    const parts = own.filter(({ part }) => part > 0).sort((a, b) => b.part - a.part)
    return parts.length === 0 ? ['no class'] : parts.map(({ part, c }) => `${Math.round(100 * part)} % ${classes[c]}`)
  }
  const shares = new Map<number, number>()
  for (const [label, part] of [
    [labels[i]!, share![i]!],
    [otherLabels![i]!, 1 - share![i]!],
  ] as const) {
    shares.set(label, (shares.get(label) ?? 0) + part)
  }
  const parts = [...shares].sort(([, a], [, b]) => b - a)
  return parts.map(([label, part]) => `${Math.round(100 * part)} % ${classes[label] ?? '?'}`)
}

/** Its class, or its classes. */
function nameOf({ classes, labels, targets, ...dataset }: Dataset, image: number): string {
  if ('masks' in dataset && dataset.masks) return 'with a mask'
  if (!targets) return classes[labels[image]!] ?? '?'
  const all = targets.subarray(image * classes.length, (image + 1) * classes.length)
  const own = classes.filter((_, c) => all[c] === 1)
  const none = all.includes(MISSING) ? 'no known class' : 'no class'
  return own.length === 0 ? none : own.join(' | ')
}

/** A line for each part. */
function captionSvg(parts: readonly string[], width: number): string {
  const lines = parts.map((part, i) => {
    const text = part.length > width / 6 ? `${part.slice(0, Math.floor(width / 6) - 1)}…` : part
    return svg`<text x="2" y="${LINE * (i + 1) - 4}">${text}</text>`
  })
  return svg`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${2 * LINE}"><g font-family="sans-serif" font-size="11" fill="#1c1e21">${lines}</g></svg>`.toString()
}

/** One image of each class in turn, from evenly spread places, until there are enough. */
function spread({ labels, length }: Dataset, count: number): number[] {
  const chosen = new Set<number>()
  const seen = new Map<number, number>()
  for (let most = 1; chosen.size < count; most++) {
    for (let i = 0; i < length && chosen.size < count; i++) {
      const label = labels[i]!
      if (chosen.has(i) || (seen.get(label) ?? 0) >= most) continue
      chosen.add(i)
      seen.set(label, (seen.get(label) ?? 0) + 1)
    }
  }
  return [...chosen]
}

/** A normalised image [channels][height][width] as interleaved bytes of three channels. */
export function toBytes(
  values: Float32Array,
  {
    channels,
    height,
    width,
    normalisation,
  }: {
    readonly channels: number
    readonly height: number
    readonly width: number
    readonly normalisation: Normalisation
  },
): Uint8Array {
  const size = height * width
  const bytes = new Uint8ClampedArray(3 * size)
  for (let c = 0; c < 3; c++) {
    const channel = Math.min(c, channels - 1)
    const [mean, deviation] = [normalisation.mean[channel]!, normalisation.deviation[channel]!]
    for (let i = 0; i < size; i++) bytes[3 * i + c] = values[channel * size + i]! * deviation + mean
  }
  return new Uint8Array(bytes.buffer)
}
