// Layer statistics over the epochs of a run: spread of weights and gradients of each tensor as two heat maps.
import { element, escaped } from '../../util/markup.js'
import type { NumberStatistics } from '../../util/statistics.js'
import type { LayerHistory } from '../layer-history.js'
import { colourAt, hex, VIRIDIS } from './colours.js'
import { colourBar, document, short, text, textWidth } from './svg.js'

const WIDTH = 360
const TOP = 40

export function drawLayerHistory({ epochs, tensors }: LayerHistory): string {
  const names = tensors.map(({ name }) => name.replace(/^features\./, '').replace(/\.weight$/, ''))
  const row = tensors.length > 60 ? 7 : 12
  const left = Math.max(40, ...names.map(name => textWidth(name, 10))) + 18
  const every = Math.ceil(9 / row)
  const labels = names.map((name, i) =>
    i % every === 0 ? text(left - 6, TOP + (i + 0.5) * row + 3.5, name, { anchor: 'end', size: 10 }) : '',
  )
  const height = tensors.length * row
  const panel = (title: string, x: number, of: 'weights' | 'gradients'): string =>
    heat(
      title,
      { x, height, row },
      epochs,
      tensors.map(tensor => ({ name: tensor.name, series: tensor[of] })),
    )
  const step = WIDTH + 92
  return document(
    left + 2 * step,
    TOP + height + 46,
    'Standard deviation of weights and gradients of each layer, epoch by epoch',
    ...labels,
    panel('weights: standard deviation', left, 'weights'),
    panel('gradients: standard deviation', left + step, 'gradients'),
  )
}

interface Frame {
  readonly x: number
  readonly height: number
  readonly row: number
}
interface Series {
  readonly name: string
  readonly series: readonly NumberStatistics[]
}

/** In a logarithmic scale; 0 and what is not finite are grey. */
function heat(title: string, { x, height, row }: Frame, epochs: readonly number[], tensors: readonly Series[]): string {
  const logarithm = (value: number | null): number => (value !== null && value > 0 ? Math.log10(value) : Number.NaN)
  const logarithms = tensors.map(({ series }) => series.map(({ standardDeviation }) => logarithm(standardDeviation)))
  const finite = logarithms.flat().filter(Number.isFinite)
  const [least, most] = finite.length > 0 ? [Math.min(...finite), Math.max(...finite)] : [0, 0]
  const cell = WIDTH / epochs.length
  const cells = tensors.flatMap(({ name, series }, i) =>
    series.map(({ standardDeviation, nonFinite }, e) => {
      const value = logarithms[i]![e]!
      const share = most > least ? (value - least) / (most - least) : 0.5
      const odd = nonFinite > 0 ? `, ${nonFinite} not finite` : ''
      const said = `${name}, epoch ${epochs[e]}: ${standardDeviation === null ? 'nothing finite' : short(standardDeviation)}${odd}`
      return element(
        'rect',
        {
          x: x + e * cell,
          y: TOP + i * row,
          width: cell,
          height: row,
          fill: Number.isFinite(value) ? hex(colourAt(VIRIDIS, share)) : '#888',
        },
        element('title', {}, escaped(said)),
      )
    }),
  )
  const every = Math.max(1, Math.ceil(epochs.length / 9))
  const ticks = epochs.map((epoch, e) =>
    e % every === 0 ? text(x + (e + 0.5) * cell, TOP + height + 14, `${epoch}`, { anchor: 'middle', size: 10 }) : '',
  )
  const marks = [0, 0.25, 0.5, 0.75, 1].map(share => [share, short(10 ** (least + share * (most - least)))] as const)
  return element(
    'g',
    {},
    text(x, 24, title, { bold: true, size: 12 }),
    element('g', { 'shape-rendering': 'crispEdges' }, ...cells),
    ...ticks,
    text(x + WIDTH / 2, TOP + height + 30, 'epoch', { anchor: 'middle' }),
    colourBar(x + WIDTH + 8, TOP, Math.min(height, 200), VIRIDIS, marks),
  )
}
