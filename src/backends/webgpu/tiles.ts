// Tiles of products (wgsl/product.ts), and which of them suits so many rows: that depends on the GPU, and is measured (measure.ts).
export interface Tile {
  readonly rows: number
  readonly columns: number
  /** Rows of a thread. */
  readonly each: number
}

/** Threads, a quarter of rows / each * columns: a multiple of the step in depth, and of the columns or a part of them. */
export const TILES: readonly Tile[] = [
  { rows: 12, columns: 128, each: 6 },
  { rows: 16, columns: 128, each: 4 },
  { rows: 32, columns: 64, each: 4 },
  { rows: 48, columns: 64, each: 4 },
  { rows: 64, columns: 64, each: 4 },
  { rows: 128, columns: 64, each: 8 },
  { rows: 32, columns: 128, each: 8 },
  { rows: 48, columns: 128, each: 6 },
  { rows: 64, columns: 128, each: 8 },
]

/** Of each of TILES: the time that a column of it takes, in any unit.. */
export type TileCosts = readonly number[]

/** Where nothing was measured: rows, and bringing the other factor, which takes as long as so many rows. */
export const USUAL_COSTS: TileCosts = TILES.map(({ rows }) => rows + 16)

/** The tile that takes the least time for so many rows, the first of equal ones. */
export function tileFor(rows: number, costs: TileCosts): Tile {
  const cost = (i: number): number => Math.ceil(rows / TILES[i]!.rows) * costs[i]!
  return TILES[[...TILES.keys()].reduce((best, i) => (cost(i) < cost(best) ? i : best))]!
}

export const tileName = ({ rows, columns, each }: Tile): string => `${rows}x${columns}/${each}`

/** Those that are the best for some number of rows. */
export function tilesUsed(costs: TileCosts): Tile[] {
  const used = new Set(Array.from({ length: 2 * 128 }, (_, i) => tileFor(i + 1, costs)))
  return TILES.filter(tile => used.has(tile))
}
