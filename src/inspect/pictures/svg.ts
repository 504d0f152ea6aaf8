// What all pictures share: an SVG document that stands for itself, white, in a file, and that takes on the colours of a
// page it is put into: its ink is `currentColor`, its ground has the class `paper`.
import { type Markup, svg } from '../../util/markup.js'
import { type ColourScale, colourAt, hex } from './colours.js'

const INK = '#1c1e21'

/** How wide a picture may be that can be arranged in several ways, in its pixels. */
export interface Drawing {
  readonly room?: number | undefined
}
export const ROOM = 1100

/** `title` is what a screen reader says of the picture. */
export function document(width: number, height: number, title: string, ...children: readonly unknown[]): string {
  const [w, h] = [Math.ceil(width), Math.ceil(height)]
  const font = 'system-ui, "Liberation Sans", "DejaVu Sans", Arial, sans-serif'
  return svg`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" color="${INK}"
 fill="currentColor" font-family="${font}" font-size="11" role="img" aria-label="${title}">
<rect class="paper" width="100%" height="100%" fill="#fff"/>${children}</svg>`.toString()
}

export interface TextStyle {
  readonly anchor?: 'middle' | 'end'
  readonly size?: number
  readonly bold?: boolean
  /** Degrees about its place. */
  readonly rotate?: number
}

export function text(x: number, y: number, content: string, style: TextStyle = {}): Markup {
  const { anchor, size, bold, rotate } = style
  const attributes = [
    anchor && svg` text-anchor="${anchor}"`,
    size && svg` font-size="${size}"`,
    bold && svg` font-weight="600"`,
    rotate && svg` transform="rotate(${rotate} ${x} ${y})"`,
  ]
  return svg`<text x="${x}" y="${y}"${attributes}>${content}</text>`
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
): Markup {
  const steps = 50
  const bars = Array.from({ length: steps }, (_, i) => {
    const [top, fill] = [y + (1 - (i + 1) / steps) * height, hex(colourAt(colours, (i + 0.5) / steps))]
    return svg`<rect x="${x}" y="${top}" width="12" height="${height / steps + 0.5}" fill="${fill}"/>`
  })
  const labels = ticks.map(([share, label]) => text(x + 17, y + (1 - share) * height + 4, label))
  return svg`<g>${bars}${labels}</g>`
}

/** Three significant digits, without needless zeros. */
export const short = (value: number): string => {
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1).replace('e+', 'e')
  return String(Number(value.toPrecision(3)))
}
