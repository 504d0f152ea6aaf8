// A list of images as a CSV file: a line of headings with `path`, `label` and, if wanted, `split` (train, or val or test),
// then a line for each image. Paths are relative to the list's own folder.

import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { CsvError, parse } from 'csv-parse/sync'
import { DenseNetError, usageError } from '../errors.js'
import { fileError } from '../util/files.js'
import type { ImageList, LabelledFile } from './image-folder.js'

const TRAIN = ['train', 'training']
const TEST = ['val', 'valid', 'validation', 'test']
const LAYOUT = 'its first line names the columns: path,label or path,label,split'

export async function listImageCsv(
  path: string,
  options: { readonly classes?: readonly string[] | undefined } = {},
): Promise<ImageList> {
  const [headings = [], ...lines] = records(await read(path), path)
  const columns = headings.map(heading => heading.toLowerCase())
  const column = (name: string): number => columns.indexOf(name)
  for (const name of ['path', 'label']) {
    if (column(name) < 0) throw usageError(`${path} has no column "${name}"`, LAYOUT)
  }
  const names = [...new Set(lines.map(line => line[column('label')]!))].sort((a, b) => (a < b ? -1 : 1))
  const classes = options.classes ?? names
  const numbers = new Map(classes.map((name, label) => [name, label]))
  const [train, test]: LabelledFile[][] = [[], []]
  lines.forEach((line, i) => {
    const where = `line ${i + 2} of ${path}`
    const name = line[column('label')]!
    const label = numbers.get(name)
    if (line[column('path')] === '' || name === '') throw usageError(`${where} has an empty path or label`)
    if (label === undefined) throw usageError(`${where} has the label "${name}", which the network does not know`)
    const split = column('split') < 0 ? 'train' : line[column('split')]!.toLowerCase()
    if (![...TRAIN, ...TEST].includes(split)) {
      throw usageError(`${where} has the split "${split}"`, `a split is ${[...TRAIN, ...TEST].join(', ')}`)
    }
    const file = resolve(dirname(path), line[column('path')]!)
    ;(TRAIN.includes(split) ? train : test)!.push({ file, label })
  })
  if (lines.length === 0) throw usageError(`${path} lists no images`, LAYOUT)
  return { classes, train: train!, test: test!.length > 0 ? test! : null }
}

/** Of a list; one for each image of ImageNet takes a tenth. */
const MOST_BYTES = 256 * 2 ** 20

async function read(path: string): Promise<string> {
  try {
    const facts = await stat(path)
    if (!facts.isFile()) throw usageError(`${path} is neither a folder nor a file`)
    if (facts.size > MOST_BYTES) throw usageError(`${path} has ${facts.size}, more than ${MOST_BYTES} bytes of a list`)
    return await readFile(path, 'utf8')
  } catch (error) {
    throw fileError(error, `reading ${path}`)
  }
}

function records(text: string, path: string): string[][] {
  try {
    return parse(text, { bom: true, skip_empty_lines: true, trim: true })
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause
    throw new DenseNetError(`${path} is no CSV list: ${cause.message}`, { code: 'usage', cause, hint: LAYOUT })
  }
}
