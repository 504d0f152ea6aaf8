// How a chart looks, for uPlot.
import type uPlot from 'uplot'
import { colour } from '../theme.js'
import type { Line, Metric } from './lines.js'
import { axis, cursor, range } from './view.js'

const FONT = '11px system-ui, sans-serif'
/** So few points are marked as such. */
const FEW = 60

export interface Shape {
  readonly log: boolean
  readonly width: number
  readonly height: number
}

export function chartOptions(metric: Metric, lines: readonly Line[], { log, width, height }: Shape): uPlot.Options {
  const series: uPlot.Series[] = [{}]
  const bands: uPlot.Band[] = []
  for (const line of lines) {
    const stroke = colour(line.colour)
    if (line.least) {
      const hidden = { stroke: 'transparent', width: 0, points: { show: false }, spanGaps: true }
      bands.push({ series: [series.length, series.length + 1], fill: `${stroke}26` })
      series.push(hidden, hidden)
    }
    const evaluated = line.kind !== 'train'
    series.push({
      stroke,
      width: evaluated ? 1.75 : 1.4,
      spanGaps: true,
      ...(evaluated ? { dash: [5, 3] } : {}),
      points: { show: line.xs.length <= FEW && (evaluated || axis.value === 'epoch'), size: 6, fill: stroke },
    })
  }
  const common = { stroke: colour('soft'), font: FONT, ticks: { show: false } }
  const grid = { stroke: colour('grid'), width: 1 }
  const short = (value: number): string => {
    if (metric.id === 'memory') return metric.format(value)
    return Math.abs(value) >= 1e4 ? `${value / 1e3}k` : `${Number(value.toPrecision(6))}`
  }
  return {
    width,
    height,
    series,
    bands,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    scales: { x: { time: false, auto: false }, y: log ? { distr: 3 } : { range: yRange } },
    axes: [
      { ...common, grid: { show: false }, size: 24, values: (_, ticks) => ticks.map(tick => axisNumber(tick)) },
      {
        ...common,
        grid,
        size: 58,
        gap: 4,
        values: (_, ticks) => ticks.map(tick => (tick === null || lines.length === 0 ? '' : short(tick))),
      },
    ],
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: { size: 6 },
      bind: {
        dblclick: () => () => {
          range.value = null
          return null
        },
        mouseleave: (_, __, handler) => event => {
          handler(event)
          cursor.value = null
          return null
        },
      },
    },
    hooks: {
      setCursor: [
        ({ cursor: { left, event }, posToVal }) => {
          if (event && left !== undefined && left >= 0) cursor.value = posToVal(left, 'x')
        },
      ],
      setSelect: [
        plot => {
          const { left, width } = plot.select
          if (width < 4) return
          range.value = { from: plot.posToVal(left, 'x'), to: plot.posToVal(left + width, 'x') }
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
        },
      ],
    },
  }
}

/** From zero where the values come near it; a little room above. */
function yRange(_: uPlot, least: number | null, most: number | null): [number, number] {
  if (least === null || most === null) return [0, 1]
  if (least === most) return most === 0 ? [0, 1] : [Math.min(0, 2 * most), Math.max(0, 2 * most)]
  const room = 0.05 * (most - least)
  return [least >= 0 && least < 0.6 * most ? 0 : least - room, most + room]
}

const axisNumber = (value: number): string => {
  if (!Number.isInteger(value)) return ''
  if (value >= 1e6) return `${value / 1e6}M`
  return value >= 1e4 ? `${value / 1e3}k` : `${value}`
}
