// Curves as text: a letter for each, a star where they meet.

export interface Curve {
  readonly letter: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export interface PlotSize {
  /** Characters, labels not counted. */
  readonly width: number
  readonly height: number
}

/** Lines from the top; none without a point. Points that are not finite are left out. */
export function plot(curves: readonly Curve[], { width, height }: PlotSize): string[] {
  const finite = curves.map(({ letter, points }) => ({
    letter,
    points: points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)),
  }))
  const all = finite.flatMap(({ points }) => points)
  if (all.length === 0) return []
  const x = range(all.map(point => point.x))
  const y = range(all.map(point => point.y))
  const grid = Array.from({ length: height }, () => new Array<string>(width).fill(' '))
  for (const { letter, points } of finite) {
    for (const cell of cells(points, x, y, { width, height })) {
      const row = grid[cell.row]!
      const there = row[cell.column]!
      row[cell.column] = there === ' ' || there === letter ? letter : '*'
    }
  }
  const labels = [label(y.high), label(y.low)]
  const margin = Math.max(...labels.map(text => text.length))
  const named = (row: number): string => (row === 0 ? labels[0]! : row === height - 1 ? labels[1]! : '')
  const lines = grid.map((row, i) => `${named(i).padStart(margin)} |${row.join('').trimEnd()}`)
  const [from, to] = [label(x.low), label(x.high)]
  const axis = from + to.padStart(Math.max(to.length + 1, width - from.length))
  return [...lines, `${' '.repeat(margin)} +${'-'.repeat(width)}`, `${' '.repeat(margin + 2)}${axis}`]
}

interface Range {
  readonly low: number
  readonly high: number
}

function range(values: readonly number[]): Range {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return { low, high }
}

const share = (value: number, { low, high }: Range): number => (high > low ? (value - low) / (high - low) : 0.5)

/** One cell for each column that has points, at their mean; columns between two points lie on the line between them. */
function cells(points: Curve['points'], x: Range, y: Range, { width, height }: PlotSize) {
  const sums = new Map<number, { sum: number; count: number }>()
  for (const point of points) {
    const column = Math.round(share(point.x, x) * (width - 1))
    const { sum, count } = sums.get(column) ?? { sum: 0, count: 0 }
    sums.set(column, { sum: sum + point.y, count: count + 1 })
  }
  const means = [...sums]
    .map(([column, { sum, count }]) => ({ column, y: sum / count }))
    .sort((a, b) => a.column - b.column)
  return means.flatMap((here, i) => {
    const next = means[i + 1]
    const columns = next ? next.column - here.column : 1
    return Array.from({ length: columns }, (_, j) => {
      const value = next ? here.y + ((next.y - here.y) * j) / columns : here.y
      return { column: here.column + j, row: Math.round((1 - share(value, y)) * (height - 1)) }
    })
  })
}

const label = (value: number): string => String(Number(value.toPrecision(3)))
