// The reliability diagram: how often predictions of each confidence are right, as an SVG image.

import type { CalibrationBin } from './calibration.js'

const SIZE = 260
const MARGIN = { left: 44, bottom: 40, top: 10, right: 10 }

export function reliabilityDiagram(bins: readonly CalibrationBin[]): string {
  const x = (share: number): number => MARGIN.left + share * SIZE
  const y = (share: number): number => MARGIN.top + (1 - share) * SIZE
  const most = Math.max(1, ...bins.map(({ images }) => images))
  const bars = bins.map(({ from, to, images, accuracy, confidence }) => {
    if (accuracy === null || confidence === null) return ''
    const [left, top] = [x(from) + 1, y(accuracy)]
    const opacity = 0.25 + 0.75 * Math.sqrt(images / most)
    const title = `confidence ${(100 * confidence).toFixed(1)} %, right ${(100 * accuracy).toFixed(1)} %, ${images} images`
    return `<rect class="bar" x="${left.toFixed(1)}" y="${top.toFixed(1)}" width="${((to - from) * SIZE - 2).toFixed(1)}" height="${(y(0) - top).toFixed(1)}" opacity="${opacity.toFixed(2)}"><title>${title}</title></rect>`
  })
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(share => {
    const text = `${100 * share}`
    return `<line class="grid" x1="${x(0)}" x2="${x(1)}" y1="${y(share)}" y2="${y(share)}"/><text x="${x(0) - 6}" y="${y(share) + 4}" text-anchor="end">${text}</text><text x="${x(share)}" y="${y(0) + 16}" text-anchor="middle">${text}</text>`
  })
  const [width, height] = [x(1) + MARGIN.right, y(0) + MARGIN.bottom]
  const middle = y(0.5)
  return `<svg class="diagram" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="reliability diagram">
${ticks.join('\n')}
${bars.join('\n')}
<line class="ideal" x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}"/>
<text x="${x(0.5)}" y="${y(0) + 34}" text-anchor="middle">confidence, %</text>
<text x="11" y="${middle}" text-anchor="middle" transform="rotate(-90 11 ${middle})">right, %</text>
</svg>`
}
