// The feature-reuse heat map as the paper draws it: a triangle for each block, source layers downwards, target layers to
// the right, the transition or the classifier last, in a frame.
import { type Markup, svg } from '../../util/markup.js'
import type { BlockReuse, FeatureReuse } from '../feature-reuse.js'
import { colourAt, hex, VIRIDIS } from './colours.js'
import { colourBar, type Drawing, document, ROOM, short, text } from './svg.js'

/** Of the colour bar and its numbers. */
const BAR = 62
const MARGIN = { left: 48, top: 34, bottom: 44, right: 18 }

/** Blocks stand side by side as far as there is `room`. */
export function drawFeatureReuse({ blocks, scale, measure }: FeatureReuse, { room = ROOM }: Drawing = {}): string {
  const cell = cellSize(blocks, room - BAR)
  const finite = blocks.flatMap(({ values }) => values.flat()).filter(value => typeof value === 'number')
  const largest = scale === 'raw' ? Math.max(0, ...finite) : 1
  const parts: Markup[] = []
  let [x, y, width, rowHeight] = [0, 0, 0, 0]
  for (const block of blocks) {
    const size = {
      width: MARGIN.left + block.targets.length * cell + MARGIN.right,
      height: MARGIN.top + block.sources.length * cell + MARGIN.bottom,
    }
    if (x > 0 && x + size.width > room - BAR) [x, y, rowHeight] = [0, y + rowHeight, 0]
    parts.push(triangle(block, x, y, cell, largest))
    x += size.width
    width = Math.max(width, x)
    rowHeight = Math.max(rowHeight, size.height)
  }
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1].map(share => [share, short(share * largest)] as const)
  const bar = colourBar(
    width + 6,
    MARGIN.top,
    Math.min(240, y + rowHeight - MARGIN.top - MARGIN.bottom),
    VIRIDIS,
    ticks,
  )
  const what = measure === 'mean' ? 'mean absolute weight' : 'mean absolute weight per feature map'
  const captions = scale === 'raw' ? [what] : [what, 'each column from its least (0) to its most (1)']
  const lines = captions.map((caption, i) => text(14, y + rowHeight + 8 + 14 * i, caption))
  const size = [Math.max(width + BAR, 300), y + rowHeight + 8 + 14 * lines.length] as const
  return document(...size, `Feature reuse: ${captions.join(', ')}`, ...parts, bar, ...lines)
}

/** All blocks in one row if their squares can be of 10 pixels at least; else as large as the widest block allows. */
function cellSize(blocks: readonly BlockReuse[], room: number): number {
  const columns = blocks.map(({ targets }) => targets.length)
  const margins = MARGIN.left + MARGIN.right
  const inOneRow = (room - blocks.length * margins) / columns.reduce((sum, n) => sum + n, 0)
  if (inOneRow >= 10) return Math.min(26, Math.floor(inOneRow))
  return Math.max(5, Math.min(18, Math.floor((room - margins) / Math.max(...columns))))
}

function triangle(
  { block, sources, targets, values }: BlockReuse,
  x0: number,
  y0: number,
  cell: number,
  largest: number,
): Markup {
  const [left, top] = [x0 + MARGIN.left, y0 + MARGIN.top]
  const [width, height] = [targets.length * cell, sources.length * cell]
  const cells = values.flatMap((row, s) =>
    row.map((value, t) => {
      if (s > t) return null
      const title = `${sources[s]!.name} to ${targets[t]!.name}: ${value === null ? 'not finite' : short(value)}`
      const fill = value === null ? '#888' : hex(colourAt(VIRIDIS, largest > 0 ? value / largest : 0))
      return svg`<rect x="${left + t * cell}" y="${top + s * cell}" width="${cell}" height="${cell}" fill="${fill}"><title>${title}</title></rect>`
    }),
  )
  const last = targets.at(-1)!
  const frame = svg`<rect x="${left + (targets.length - 1) * cell}" y="${top}" width="${cell}" height="${height}" fill="none" stroke="currentColor" stroke-width="1.6"/>`
  const every = Math.ceil(24 / (2 * cell)) * 2
  const dense = targets.length - 1
  const across = numbers(1, dense, every).map(n =>
    text(left + (n - 0.5) * cell, top + height + 13, `${n}`, { anchor: 'middle', size: 10 }),
  )
  const down = numbers(0, dense, every).map(n =>
    text(left - 5, top + (n + 0.5) * cell + 3.5, `${n}`, { anchor: 'end', size: 10 }),
  )
  const column = last.kind === 'classifier' ? 'classifier' : `transition ${block}`
  const texts = [
    text(left, y0 + 15, `Dense block ${block}`, { bold: true, size: 12 }),
    text(left + width, y0 + 28, column, { anchor: 'end', size: 10 }),
    ...across,
    ...down,
    text(left + (dense * cell) / 2, top + height + 29, 'target layer', { anchor: 'middle' }),
    text(x0 + 14, top + height / 2, 'source layer', { anchor: 'middle', rotate: -90 }),
  ]
  return svg`<g><g shape-rendering="crispEdges">${cells}</g>${frame}${texts}</g>`
}

/** from, from + step, ... up to `to`. */
function numbers(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step)
}
