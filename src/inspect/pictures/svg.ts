// What all pictures share: an SVG document that stands for itself, white, in a file, and that takes on the colours of a
// page it is put into: its ink is `currentColor`, its ground has the class `paper`.
import { element, escaped } from '../../util/markup.js'
import { type ColourScale, colourAt, hex } from './colours.js'

const INK = '#1c1e21'

/** How wide a picture may be that can be arranged in several ways, in its pixels. */
export interface Drawing {
  readonly room?: number | undefined
}
export const ROOM = 1100

/** `title` is what a screen reader says of the picture. */
export function document(width: number, height: number, title: string, ...children: readonly string[]): string {
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`,
      width: Math.ceil(width),
      height: Math.ceil(height),
      color: INK,
      fill: 'currentColor',
      'font-family': 'system-ui, "Liberation Sans", "DejaVu Sans", Arial, sans-serif',
      'font-size': 11,
      role: 'img',
      'aria-label': title,
    },
    element('rect', { class: 'paper', width: '100%', height: '100%', fill: '#fff' }),
    ...children,
  )
}

export interface TextStyle {
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly size?: number
  readonly bold?: boolean
  /** Degrees about its place. */
  readonly rotate?: number
}

export function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { anchor, size, bold, rotate } = style
  return element(
    'text',
    {
      x,
      y,
      'text-anchor': anchor === 'start' ? null : anchor,
      'font-size': size,
      'font-weight': bold ? 600 : null,
      transform: rotate === undefined ? null : `rotate(${rotate} ${x.toFixed(2)} ${y.toFixed(2)})`,
    },
    escaped(content),
  )
}

/** As wide as the letters of a text are about, for leaving room. */
export const textWidth = (content: string, size = 11): number => 0.58 * size * content.length

/** A vertical bar of the scale, the most above, with a number at each of `ticks` [share of the height, text]. */
export function colourBar(
  x: number,
  y: number,
  height: number,
  colours: ColourScale,
  ticks: readonly (readonly [share: number, label: string])[],
): string {
  const steps = 50
  const bars = Array.from({ length: steps }, (_, i) =>
    element('rect', {
      x,
      y: y + (1 - (i + 1) / steps) * height,
      width: 12,
      height: height / steps + 0.5,
      fill: hex(colourAt(colours, (i + 0.5) / steps)),
    }),
  )
  const labels = ticks.map(([share, label]) => text(x + 17, y + (1 - share) * height + 4, label))
  return element('g', {}, ...bars, ...labels)
}

/** Three significant digits, without needless zeros. */
export const short = (value: number): string => {
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1).replace('e+', 'e')
  return String(Number(value.toPrecision(3)))
}
