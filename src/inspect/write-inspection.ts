// An inspection as a file: a picture, or its numbers.
import { extname } from 'node:path'
import { loadSharp } from '../data/loading/decode.js'
import { DenseNetError, parameterError, usageError } from '../errors.js'
import { writeFileAtomically } from '../node/files.js'
import { csvOf } from '../util/csv.js'
import type { Inspection } from './inspection.js'

const endings = ['.svg', '.png', '.json', '.csv'] as const
type Ending = (typeof endings)[number]

/** How the ending of a file's name is to be written, or a usage error. */
export function inspectionEnding(path: string): Ending {
  const ending = endings.find(known => known === extname(path).toLowerCase())
  if (ending === undefined) throw parameterError('the output', `a file that ends in ${endings.join(', ')}`, path)
  return ending
}

/** Writes it to `path`, as its ending says: .svg or .png the picture, .json or .csv the numbers. */
export async function writeInspection(path: string, inspection: Inspection): Promise<void> {
  await writeFileAtomically(path, await content(inspectionEnding(path), inspection))
}

async function content(ending: Ending, { what, data, svg, rows }: Inspection): Promise<string | Uint8Array> {
  if (ending === '.svg') return `${await svg()}\n`
  if (ending === '.png') return pngOf(await svg())
  if (ending === '.json') return `${JSON.stringify(data)}\n`
  if (rows === null) throw usageError(`${what} is no table for a CSV file`, 'write .svg, .png or .json')
  return csvOf(rows)
}

/** Pixels of a picture for each of an SVG's: sharp on dense displays. */
const DENSITY = 2
/** What an SVG's pixel is to librsvg, in dots per inch. */
const SVG_DENSITY = 72

/** An SVG document as a PNG image, at twice its size. */
export async function pngOf(svg: string): Promise<Uint8Array> {
  const sharp = await loadSharp()
  try {
    return await sharp(Buffer.from(svg), { density: DENSITY * SVG_DENSITY, limitInputPixels: false })
      .png()
      .toBuffer()
  } catch (cause) {
    throw new DenseNetError(`the picture cannot be made a PNG: ${(cause as Error).message}`, {
      hint: 'write .svg instead',
      cause,
    })
  }
}
