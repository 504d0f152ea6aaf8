// Features as a file, by its ending: .npy (NumPy), .safetensors or .csv, with the names of the images beside the numbers.
import { extname } from 'node:path'
import { parameterError } from '../errors.js'
import { encodeNpy } from '../interop/npy.js'
import { encodeSafetensors } from '../interop/safetensors.js'
import { writeFileAtomically } from '../node/files.js'
import { csvLine } from '../util/csv.js'
import type { Features } from './features.js'

/** The endings of files that features are written to. */
export const featureFormats = ['.npy', '.safetensors', '.csv'] as const
type FeatureFormat = (typeof featureFormats)[number]

/** What is said of each image beside its features; both are [features.images]. */
export interface FeatureRows {
  /** Its file, or its number in the data set. */
  readonly names: readonly string[]
  /** Its class, where it is known. */
  readonly labels?: readonly string[]
}

/** Refuses an ending that says no format. */
export function featureFormat(path: string): FeatureFormat {
  const ending = extname(path).toLowerCase()
  const format = featureFormats.find(known => known === ending)
  if (format === undefined) throw parameterError('--output', `a file that ends in ${featureFormats.join(', ')}`, path)
  return format
}

/** [images][channels], or [images][channels][height][width] for a layer with pixels. */
export function featureShape({ images, layer: { channels, height, width } }: Features): number[] {
  return height === 1 && width === 1 ? [images, channels] : [images, channels, height, width]
}

/** Writes the file, and for .npy, which holds nothing but numbers, the names beside it as NAME.csv. Resolves to the files
 * that were written. */
export async function writeFeatures(path: string, features: Features, rows: FeatureRows): Promise<string[]> {
  const format = featureFormat(path)
  const shape = featureShape(features)
  if (format === '.csv') {
    await writeFileAtomically(path, csvLines(features, rows))
    return [path]
  }
  if (format === '.npy') {
    const list = `${path.slice(0, -extname(path).length)}.csv`
    await writeFileAtomically(list, namesCsv(rows))
    await writeFileAtomically(path, encodeNpy(features.data, shape))
    return [path, list]
  }
  const metadata = {
    layer: features.layer.name,
    images: JSON.stringify(rows.names),
    ...(rows.labels ? { labels: JSON.stringify(rows.labels) } : {}),
  }
  const tensors = new Map([['features', { shape, data: features.data }]])
  await writeFileAtomically(path, encodeSafetensors(tensors, metadata))
  return [path]
}

const heads = ({ labels }: FeatureRows): string[] => ['image', ...(labels ? ['label'] : [])]
const facts = ({ names, labels }: FeatureRows, i: number): string[] => [names[i]!, ...(labels ? [labels[i]!] : [])]

const namesCsv = (rows: FeatureRows): string =>
  csvLine(heads(rows)) + rows.names.map((_, i) => csvLine(facts(rows, i))).join('')

/** A line an image: its name, its label, its numbers in the order [channels][height][width]. */
function* csvLines({ data, images }: Features, rows: FeatureRows): Generator<string> {
  const width = images === 0 ? 0 : data.length / images
  yield csvLine([...heads(rows), ...Array.from({ length: width }, (_, i) => `f${i}`)])
  for (let image = 0; image < images; image++) {
    // Nine digits bring every float32 back.
    const numbers = Array.from(data.subarray(image * width, (image + 1) * width), value => String(rounded(value)))
    yield csvLine([...facts(rows, image), ...numbers])
  }
}

const rounded = (value: number): number => Number(value.toPrecision(9))
