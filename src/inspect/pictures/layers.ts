// Layer statistics over the epochs of a run: spread of weights and gradients of each tensor as two heat maps.
import { type Markup, svg } from '../../util/markup.js'
import { extremes, type NumberStatistics } from '../../util/statistics.js'
import type { LayerHistory } from '../layer-history.js'
import { colourAt, hex, VIRIDIS } from './colours.js'
import { colourBar, type Drawing, document, ROOM, short, text, textWidth } from './svg.js'

const WIDTH = 360
const LEAST_WIDTH = 80
/** Of a colour bar and its numbers. */
const BAR = 92
const TOP = 40

/** The two stand side by side where there is `room`. */
export function drawLayerHistory({ epochs, tensors }: LayerHistory, { room = ROOM }: Drawing = {}): string {
  const names = tensors.map(({ name }) => name.replace(/^features\./, '').replace(/\.weight$/, ''))
  const row = tensors.length > 60 ? 7 : 12
  const left = Math.max(40, ...names.map(name => textWidth(name, 10))) + 18
  const every = Math.ceil(9 / row)
  const labels = (top: number): unknown[] =>
    names.map(
      (name, i) =>
        i % every === 0 && text(left - 6, top + TOP + (i + 0.5) * row + 3.5, name, { anchor: 'end', size: 10 }),
    )
  const height = TOP + tensors.length * row + 46
  const width = Math.max(LEAST_WIDTH, Math.min(WIDTH, room - left - BAR))
  const beside = left + 2 * (width + BAR) <= room
  const panel = (of: 'weights' | 'gradients', x: number, y: number): Markup =>
    heat(
      `${of}: standard deviation`,
      { x, y, width, row },
      epochs,
      tensors.map(tensor => ({ name: tensor.name, series: tensor[of] })),
    )
  return document(
    left + (beside ? 2 : 1) * (width + BAR),
    (beside ? 1 : 2) * height,
    'Standard deviation of weights and gradients of each layer, epoch by epoch',
    labels(0),
    panel('weights', left, 0),
    beside ? [] : labels(height),
    beside ? panel('gradients', left + width + BAR, 0) : panel('gradients', left, height),
  )
}

interface Frame {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly row: number
}
interface Series {
  readonly name: string
  readonly series: readonly NumberStatistics[]
}

/** In a logarithmic scale; 0 and what is not finite are grey. */
function heat(
  title: string,
  { x, y, width, row }: Frame,
  epochs: readonly number[],
  tensors: readonly Series[],
): Markup {
  const [top, height] = [y + TOP, tensors.length * row]
  const logarithm = (value: number | null): number => (value !== null && value > 0 ? Math.log10(value) : Number.NaN)
  const logarithms = tensors.map(({ series }) => series.map(({ standardDeviation }) => logarithm(standardDeviation)))
  const [least, most] = extremes(logarithms.flat())
  const cell = width / epochs.length
  const cells = tensors.flatMap(({ name, series }, i) =>
    series.map(({ standardDeviation, nonFinite }, e) => {
      const value = logarithms[i]![e]!
      const share = most > least ? (value - least) / (most - least) : 0.5
      const odd = nonFinite > 0 ? `, ${nonFinite} not finite` : ''
      const said = `${name}, epoch ${epochs[e]}: ${standardDeviation === null ? 'nothing finite' : short(standardDeviation)}${odd}`
      const fill = Number.isFinite(value) ? hex(colourAt(VIRIDIS, share)) : '#888'
      return svg`<rect x="${x + e * cell}" y="${top + i * row}" width="${cell}" height="${row}" fill="${fill}"><title>${said}</title></rect>`
    }),
  )
  const every = Math.max(1, Math.ceil(epochs.length / (width / 40)))
  const ticks = epochs.map(
    (epoch, e) =>
      e % every === 0 && text(x + (e + 0.5) * cell, top + height + 14, `${epoch}`, { anchor: 'middle', size: 10 }),
  )
  const marks = (most > least ? [0, 0.25, 0.5, 0.75, 1] : []).map(
    share => [share, short(10 ** (least + share * (most - least)))] as const,
  )
  const head = text(Math.min(x, x + width + BAR - textWidth(title, 13)), y + 24, title, { bold: true, size: 12 })
  const below = text(x + width / 2, top + height + 30, 'epoch', { anchor: 'middle' })
  const bar = colourBar(x + width + 8, top, Math.min(height, 200), VIRIDIS, marks)
  return svg`<g>${head}<g shape-rendering="crispEdges">${cells}</g>${ticks}${below}${bar}</g>`
}
