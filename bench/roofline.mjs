// Draws docs/roofline.svg from figures measured now on this machine:
//   node bench/roofline.mjs [--model densenet-bc-100-12] [--batch 64] [--output docs/roofline.svg]
// The roof is what the processor can do at most (peak.cc, compiled here with g++); a point is all convolutions of one kind
// on maps of one size: its height what they reach, its place how many operations they have for each byte that must move.
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measure } from '../dist/entries/bench.js'

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'densenet-bc-100-12' },
    batch: { type: 'string', default: '64' },
    output: { type: 'string', default: fileURLToPath(new URL('../docs/roofline.svg', import.meta.url)) },
  },
})

async function measurePeak() {
  const folder = await mkdtemp(join(tmpdir(), 'densenet-peak-'))
  try {
    const source = fileURLToPath(new URL('peak.cc', import.meta.url))
    const program = join(folder, 'peak')
    execFileSync('g++', ['-O3', '-march=native', '-pthread', '-std=gnu++17', source, '-o', program])
    return JSON.parse(execFileSync(program, [String(availableParallelism())], { encoding: 'utf8' }))
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Name, colour, which kernels, and whether their labels stand to the left. */
const KINDS = [
  { name: '1x1 forward', colour: '#1f77b4', kernel: 'convolutionForward', size: 1, left: false },
  { name: '1x1 backward', colour: '#17a2a2', kernel: 'convolutionBackward', size: 1, left: true },
  { name: '3x3 forward', colour: '#d62728', kernel: 'convolutionForward', size: 3, left: false },
  { name: '3x3 backward', colour: '#e08214', kernel: 'convolutionBackward', size: 3, left: true },
]

/** A label beside each point, moved down where it would lie on another. */
function placeLabels(points, x, y) {
  const placed = []
  for (const point of points.toSorted((a, b) => b.rate - a.rate)) {
    const at = x(point.intensity)
    const near = placed.filter(other => other.kind.left === point.kind.left && Math.abs(other.at - at) < 60)
    placed.push({ ...point, at, down: Math.max(y(point.rate), ...near.map(({ down }) => down + 12)) })
  }
  return placed
}

const [WIDTH, HEIGHT] = [760, 470]
const FRAME = { left: 66, right: 20, top: 56, bottom: 52 }
const X = { from: 2, to: 128 }

function draw({ gflops, gbytes }, { kernels, backend, model, batchSize }) {
  const points = kernels
    .map(group => ({
      ...group,
      kind: KINDS.find(({ kernel, size }) => kernel === group.kernel && size === group.size),
    }))
    .filter(({ kind, height }) => kind && height > 1)
    .map(group => ({ ...group, intensity: group.flops / group.bytes, rate: group.flops / group.seconds / 1e9 }))
  const Y = { from: Math.min(50, ...points.map(({ rate }) => rate / 1.5)), to: gflops * 1.35 }
  const place = (value, { from, to }, start, end) =>
    start + ((end - start) * Math.log(value / from)) / Math.log(to / from)
  const x = value => place(value, X, FRAME.left, WIDTH - FRAME.right)
  const y = value => place(value, Y, HEIGHT - FRAME.bottom, FRAME.top)
  const text = (at, down, content, more = '') =>
    `<text x="${at.toFixed(1)}" y="${down.toFixed(1)}" ${more}>${content}</text>`
  const line = (x1, y1, x2, y2, style) =>
    `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" ${style}/>`

  const grid = 'stroke="#e4e4e4"'
  const parts = []
  for (let value = X.from; value <= X.to; value *= 2) {
    parts.push(line(x(value), y(Y.from), x(value), y(Y.to), grid))
    parts.push(text(x(value), HEIGHT - FRAME.bottom + 18, value, 'text-anchor="middle"'))
  }
  for (const value of [5, 10, 20, 50, 100, 200, 500, 1000, 2000].filter(value => value >= Y.from && value <= Y.to)) {
    parts.push(line(x(X.from), y(value), x(X.to), y(value), grid))
    parts.push(text(FRAME.left - 8, y(value) + 4, value, 'text-anchor="end"'))
  }
  const ridge = gflops / gbytes
  const roof = [
    [X.from, Math.max(Y.from, X.from * gbytes)],
    [ridge, gflops],
    [X.to, gflops],
  ]
  const corners = roof.map(([at, height]) => `${x(at).toFixed(1)},${y(height).toFixed(1)}`).join(' ')
  parts.push(`<polyline points="${corners}" fill="none" stroke="#333" stroke-width="2"/>`)
  parts.push(
    text(x(X.to) - 4, y(gflops) - 7, `${Math.round(gflops)} GFLOP/s: multiply-adds on registers`, 'text-anchor="end"'),
  )
  // Along the slope, as the scales make it.
  const angle = (Math.atan2(y(ridge * gbytes) - y(X.from * gbytes), x(ridge) - x(X.from)) * 180) / Math.PI
  const [sx, sy] = [x(Math.sqrt(X.from * ridge)), y(Math.sqrt(X.from * ridge) * gbytes) - 8]
  const turned = `text-anchor="middle" transform="rotate(${angle.toFixed(1)} ${sx.toFixed(1)} ${sy.toFixed(1)})"`
  parts.push(text(sx, sy, `${Math.round(gbytes)} GB/s: memory`, turned))

  for (const { kind, intensity, rate } of points) {
    const style = `fill="${kind.colour}" stroke="#fff"`
    parts.push(`<circle cx="${x(intensity).toFixed(1)}" cy="${y(rate).toFixed(1)}" r="5.5" ${style}/>`)
  }
  for (const { kind, at, down, height, width } of placeLabels(points, x, y)) {
    const side = kind.left ? -9 : 9
    const anchor = kind.left ? 'end' : 'start'
    parts.push(
      text(at + side, down + 4, `${height} x ${width}`, `fill="${kind.colour}" font-size="11" text-anchor="${anchor}"`),
    )
  }
  for (const [i, { name, colour }] of KINDS.entries()) {
    const down = HEIGHT - FRAME.bottom - 76 + 19 * i
    parts.push(`<circle cx="${WIDTH - 150}" cy="${down - 4}" r="5.5" fill="${colour}"/>`)
    parts.push(text(WIDTH - 138, down, name))
  }
  const [middle, bottom] = [(FRAME.left + WIDTH - FRAME.right) / 2, HEIGHT - 12]
  parts.push(
    text(middle, bottom, 'operations for each byte that must move (each operand once)', 'text-anchor="middle"'),
  )
  parts.push(
    text(
      FRAME.left,
      22,
      `Convolutions of ${model}, training at batch ${batchSize}`,
      'font-size="15" font-weight="bold"',
    ),
  )
  const machine = `${cpus()[0]?.model.trim()}, ${backend}, ${new Date().toISOString().slice(0, 10)}`
  parts.push(text(FRAME.left, 40, machine, 'fill="#666"'))
  parts.push(text(14, HEIGHT / 2, 'GFLOP/s', `text-anchor="middle" transform="rotate(-90 14 ${HEIGHT / 2})"`))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12.5" fill="#222">`,
    `<title>Roofline of the convolutions of ${model}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

const peak = await measurePeak()
const measured = await measure({ task: 'train', model: values.model, batchSize: Number(values.batch), kernels: true })
await writeFile(values.output, draw(peak, measured))
console.log(`${values.output}: ${peak.gflops} GFLOP/s and ${peak.gbytes} GB/s at most`)
