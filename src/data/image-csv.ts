// A list of images as a CSV file: a line of headings, then a line for each image. Columns are `path` (relative to the
// list's own folder), if wanted `split` (train, or val or test), and what the image shows: its `label`, its `labels` with
// | between them, or a column of 0 and 1 for each class.

import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { CsvError, parse } from 'csv-parse/sync'
import { DenseNetError, usageError } from '../errors.js'
import { fileError } from '../util/files.js'
import type { ImageList, LabelledFile } from './image-folder.js'

const TRAIN = ['train', 'training']
const TEST = ['val', 'valid', 'validation', 'test']
const LAYOUT = 'its first line names the columns: path,label or path,label,split'
const SEVERAL = 'several labels of an image have | between them, or each class has a column of 0 and 1'
/** Between the labels of an image, as in ChestX-ray14. */
const BETWEEN = '|'

interface Table {
  readonly path: string
  readonly columns: readonly string[]
  readonly lines: readonly (readonly string[])[]
}

/** How a table says what an image shows. */
interface Labelling {
  readonly classes: readonly string[]
  readonly multiLabel: boolean
  /** Names of classes; `where` is for messages. */
  readonly namesOf: (line: readonly string[], where: string) => readonly string[]
}

/** `classes`: those of a network that is to be tested. */
export async function listImageCsv(
  path: string,
  options: { readonly classes?: readonly string[] | undefined } = {},
): Promise<ImageList> {
  const [headings = [], ...lines] = records(await read(path), path)
  const columns = headings.map(heading => (isKnown(heading) ? heading.toLowerCase() : heading))
  const repeated = columns.find((column, i) => columns.indexOf(column) < i)
  if (repeated !== undefined) throw usageError(`${path} has two columns "${repeated}"`, LAYOUT)
  if (!columns.includes('path')) throw usageError(`${path} has no column "path"`, LAYOUT)
  const table = { path, columns, lines }
  const labelling = labellingOf(table, options.classes)
  if (lines.length === 0) throw usageError(`${path} lists no images`, LAYOUT)
  const classes = options.classes ?? labelling.classes
  if (classes.length === 0) throw usageError(`${path} names no class`, SEVERAL)
  const numbers = new Map(classes.map((name, label) => [name, label]))
  const [train, test]: LabelledFile[][] = [[], []]
  lines.forEach((line, i) => {
    const where = `line ${i + 2} of ${path}`
    const cell = (column: string): string => line[columns.indexOf(column)]!
    if (cell('path') === '') throw usageError(`${where} has an empty path or label`)
    const labels = labelling.namesOf(line, where).map(name => {
      const label = numbers.get(name)
      if (label === undefined) throw usageError(`${where} has the label "${name}", which the network does not know`)
      return label
    })
    const split = columns.includes('split') ? cell('split').toLowerCase() : 'train'
    if (![...TRAIN, ...TEST].includes(split)) {
      throw usageError(`${where} has the split "${split}"`, `a split is ${[...TRAIN, ...TEST].join(', ')}`)
    }
    const file = resolve(dirname(path), cell('path'))
    const label = labels[0] ?? 0
    ;(TRAIN.includes(split) ? train : test)!.push(labelling.multiLabel ? { file, label, labels } : { file, label })
  })
  return { classes, train: train!, test: test!.length > 0 ? test! : null }
}

/** Of a list; one for each image of ImageNet takes a tenth. */
const MOST_BYTES = 256 * 2 ** 20
const KNOWN = ['path', 'label', 'labels', 'split']
const isKnown = (heading: string): boolean => KNOWN.includes(heading.toLowerCase())

function labellingOf(table: Table, known: readonly string[] | undefined): Labelling {
  const { path, columns, lines } = table
  const [one, several] = ['label', 'labels'].map(name => columns.indexOf(name))
  if (one! >= 0 && several! >= 0) throw usageError(`${path} has a column "label" and a column "labels"`, SEVERAL)
  if (one! < 0 && several! < 0) return byColumns(table, known)
  const column = Math.max(one!, several!)
  if (several! >= 0 || lines.some(line => line[column]!.includes(BETWEEN))) return bySets(table, column)
  const classes = [...new Set(lines.map(line => line[column]!))].sort(byName)
  const namesOf = (line: readonly string[], where: string): string[] => {
    if (line[column] === '') throw usageError(`${where} has an empty path or label`)
    return [line[column]!]
  }
  return { classes, multiLabel: false, namesOf }
}

/** Labels with | between them; an image without any belongs to no class. */
function bySets({ lines }: Table, column: number): Labelling {
  const parts = (line: readonly string[]): string[] =>
    line[column] === '' ? [] : line[column]!.split(BETWEEN).map(name => name.trim())
  const namesOf = (line: readonly string[], where: string): string[] => {
    const names = [...new Set(parts(line))]
    if (names.includes('')) throw usageError(`${where} has an empty label in "${line[column]}"`, SEVERAL)
    return names
  }
  const classes = [...new Set(lines.flatMap(parts))].filter(name => name !== '').sort(byName)
  return { classes, multiLabel: true, namesOf }
}

/** A column of 0 and 1 for each class, in this order. */
function byColumns({ path, columns }: Table, known: readonly string[] | undefined): Labelling {
  const classes = columns.filter(column => !isKnown(column))
  if (classes.length === 0) throw usageError(`${path} has no column "label"`, `${LAYOUT}; ${SEVERAL}`)
  if (classes.includes('')) throw usageError(`${path} has a column without a name`, SEVERAL)
  const absent = known?.find(name => !classes.includes(name))
  if (absent !== undefined) throw usageError(`${path} has no column for the network's class "${absent}"`, SEVERAL)
  const namesOf = (line: readonly string[], where: string): string[] =>
    classes.filter(name => {
      const value = line[columns.indexOf(name)]!
      if (/^[01](\.0*)?$/.test(value)) return value.startsWith('1')
      const hint = `without a column "label" each column is a class; ${LAYOUT}`
      throw usageError(`${where} has "${value}" for the class "${name}", expected 0 or 1`, hint)
    })
  return { classes, multiLabel: true, namesOf }
}

const byName = (a: string, b: string): number => (a < b ? -1 : 1)

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
