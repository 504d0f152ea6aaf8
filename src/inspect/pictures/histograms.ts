// Histograms of a checkpoint's tensors as small multiples: each with its own axis, its bins as high as the fullest.
import { type Markup, svg } from '../../util/markup.js'
import type { WeightStatistics } from '../weights.js'
import { type Drawing, document, ROOM, short, text } from './svg.js'

const CELL = { width: 230, height: 96 }
const PLOT = { left: 12, top: 20, width: 206, height: 48 }
const BAR = '#2a788e'

export function drawHistograms(tensors: readonly WeightStatistics[], { room = ROOM }: Drawing = {}): string {
  const columns = Math.max(1, Math.min(tensors.length, Math.floor(room / CELL.width)))
  const cells = tensors.map((tensor, i) => {
    const [x, y] = [(i % columns) * CELL.width, Math.floor(i / columns) * CELL.height]
    return svg`<g transform="translate(${x} ${y})">${histogram(tensor)}</g>`
  })
  const rows = Math.ceil(tensors.length / columns)
  return document(columns * CELL.width, rows * CELL.height, `Histograms of ${tensors.length} tensors`, ...cells)
}

function histogram({
  name,
  histogram,
  smallest,
  largest,
  nonFinite,
  mean,
  standardDeviation,
}: WeightStatistics): Markup[] {
  const { left, top, width, height } = PLOT
  const { counts, edges } = histogram
  const most = Math.max(1, ...counts)
  const bin = width / Math.max(1, counts.length)
  const bars = counts.map((count, i) => {
    const [x, high] = [left + i * bin + 0.25, (height * count) / most]
    const title = `${short(edges[i]!)} to ${short(edges[i + 1]!)}: ${count}`
    return svg`<rect x="${x}" y="${top + height - high}" width="${bin - 0.5}" height="${high}" fill="${BAR}"><title>${title}</title></rect>`
  })
  const base = top + height
  const axis = svg`<rect x="${left}" y="${base}" width="${width}" height="0.7"/>`
  const label = name.replace(/^features\./, '')
  const shown = label.length > 40 ? `…${label.slice(-39)}` : label
  const ends =
    smallest === null || largest === null
      ? [text(left, base + 12, 'nothing finite', { size: 9 })]
      : [
          text(left, base + 12, short(smallest), { size: 9 }),
          text(left + width / 2, base + 12, `${short(mean!)} ± ${short(standardDeviation!)}`, {
            anchor: 'middle',
            size: 9,
          }),
          text(left + width, base + 12, short(largest), { anchor: 'end', size: 9 }),
        ]
  const odd = nonFinite > 0 ? [text(left, top + 10, `${nonFinite} not finite`, { size: 9, bold: true })] : []
  return [text(left, 14, shown, { size: 10 }), ...bars, axis, ...ends, ...odd]
}
