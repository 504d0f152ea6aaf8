// One metric of the shown runs as a chart. The mouse: drag to zoom, double-click to see all. Keys: see KEYS.
import { useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { theme } from '../theme.js'
import { type Line, type Metric, valueAt } from './lines.js'
import { chartOptions } from './options.js'
import { axis, cursor, logScale, pan, type Range, range, zoom } from './view.js'

export const KEYS = '← → read, shift: ten times as far, + − zoom, page up and down move, 0 all'

export interface ChartProps {
  readonly metric: Metric
  readonly lines: readonly Line[]
  /** The whole axis. */
  readonly whole: Range
  /** Other charts show several runs. */
  readonly named: boolean
  readonly height: number
}

export function Chart({ metric, lines, whole, named, height }: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const log = logScale.value && metric.log
  // What makes it another chart, and not the same one with more in it.
  const kind = JSON.stringify([
    lines.map(({ run, kind, least, colour }) => [run, kind, least !== null, colour]),
    log,
    theme.value,
    axis.value,
  ])
  useEffect(() => {
    const at = box.current!
    const made = new uPlot(chartOptions(metric, lines, { log, width: at.clientWidth, height }), dataOf(lines, log), at)
    plot.current = made
    const resized = new ResizeObserver(() => made.setSize({ width: at.clientWidth, height }))
    resized.observe(at)
    return () => {
      resized.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [kind, height])
  useEffect(() => {
    plot.current?.setData(dataOf(lines, log), false)
    show(plot.current, range.value ?? whole)
  })
  useSignalEffect(() => {
    const x = cursor.value
    const made = plot.current
    if (!made) return
    if (x === null) made.setCursor({ left: -10, top: -10 }, false)
    else made.setCursor({ left: made.valToPos(x, 'x'), top: 0 }, false)
  })
  return (
    <figure class="chart">
      <figcaption>
        <h2>
          {metric.title} {metric.unit && <span class="soft">{metric.unit}</span>}
        </h2>
        <Readout metric={metric} lines={lines} named={named} />
        {lines.length === 0 && <span class="soft">nothing logged</span>}
      </figcaption>
      <div
        ref={box}
        class="plot"
        style={{ height: `${height}px` }}
        role="img"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a picture that is read and zoomed with keys
        tabIndex={0}
        aria-label={`${metric.title}: ${described(metric, lines)}`}
        aria-keyshortcuts="ArrowLeft ArrowRight + - 0 PageUp PageDown"
        onKeyDown={event => onKey(event, lines, whole)}
        onBlur={() => {
          cursor.value = null
        }}
      />
    </figure>
  )
}

function show(plot: uPlot | null, { from, to }: Range): void {
  plot?.setScale('x', { min: from, max: Math.max(to, from + 1) })
}

/** Where nothing is read, the last values. */
function Readout({ metric, lines, named }: Pick<ChartProps, 'metric' | 'lines' | 'named'>) {
  return (
    <ul class="readout">
      {lines.map(line => {
        const value = valueAt(line, cursor.value)
        return (
          <li key={`${line.run} ${line.kind}`} class={`${line.colour} ${line.kind === 'train' ? 'train' : 'test'}`}>
            <span class="soft">{named ? `${line.run} ${line.kind}` : line.kind}</span>{' '}
            {value === null ? '–' : metric.format(value)}
          </li>
        )
      })}
    </ul>
  )
}

function described(metric: Metric, lines: readonly Line[]): string {
  const words = lines.map(line => {
    const value = valueAt(line, null)
    return `${line.run} ${line.kind} ${value === null ? 'nothing yet' : `${metric.format(value)} ${metric.unit}`.trim()}`
  })
  return words.join(', ') || 'nothing yet'
}

function onKey(event: KeyboardEvent, lines: readonly Line[], whole: Range): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const done = keyed(event, lines, whole)
  if (done) event.preventDefault()
}

function keyed({ key, shiftKey }: KeyboardEvent, lines: readonly Line[], whole: Range): boolean {
  const { from, to } = range.value ?? whole
  const move = (points: number): boolean => {
    const step = axis.value === 'epoch' ? 1 : Math.max(1, (to - from) / 200)
    const at = cursor.value ?? (points > 0 ? from : to)
    cursor.value = Math.min(to, Math.max(from, at + points * step))
    return true
  }
  const does: Record<string, () => unknown> = {
    ArrowLeft: () => move(shiftKey ? -10 : -1),
    ArrowRight: () => move(shiftKey ? 10 : 1),
    Home: () => move(Number.NEGATIVE_INFINITY),
    End: () => move(Number.POSITIVE_INFINITY),
    '+': () => zoom(0.5, whole),
    '=': () => zoom(0.5, whole),
    '-': () => zoom(2, whole),
    PageUp: () => pan(-0.5, whole),
    PageDown: () => pan(0.5, whole),
    '0': () => {
      range.value = null
    },
    Escape: () => {
      range.value = null
      cursor.value = null
    },
  }
  if (!(key in does) || lines.length === 0) return false
  does[key]!()
  return true
}

/** One axis for all lines; where a line has no value there is null. With a band: most, least, then the line itself. */
function dataOf(lines: readonly Line[], log: boolean): uPlot.AlignedData {
  if (lines.length === 0) return [[]]
  const drawable = (ys: readonly (number | null)[]): (number | null)[] =>
    log ? ys.map(y => (y !== null && y > 0 ? y : null)) : [...ys]
  const tables = lines.map(({ xs, ys, least, most }): uPlot.AlignedData => {
    const bands = least && most ? [drawable(most), drawable(least)] : []
    return [[...xs], ...bands, drawable(ys)]
  })
  return tables.length === 1 ? tables[0]! : uPlot.join(tables)
}
