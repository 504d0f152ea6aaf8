// A list of images as a CSV file: a line of headings, then a line for each image. Columns are `path` (relative to the
// list's own folder), if wanted `split` (train, val, test), and what the image shows: its `label`, its `labels` with
// | between them, or a column of 0 and 1 for each class.

import { dirname, resolve } from 'node:path'
import { usageError } from '../errors.js'
import type { ImageList, ImagePart, LabelledFile } from './image-folder.js'
import { readTable } from './list-text.js'
import { byCodePoint, classNumbers, SPLIT_NAMES, type SplitName, splitNamed } from './names.js'

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
  /** Columns that say nothing of it. */
  readonly besides: readonly string[]
  /** Names of classes; `where` is for messages. */
  readonly namesOf: (line: readonly string[], where: string) => readonly string[]
}

/** `classes`: those of a network that is to be tested. */
export async function listImageCsv(
  path: string,
  options: { readonly classes?: readonly string[] | undefined } = {},
): Promise<ImageList> {
  const [headings = [], ...lines] = await readTable(path, found => lowered(found).includes('path'), LAYOUT)
  const columns = headings.map(heading => (isKnown(heading) ? heading.toLowerCase() : heading.normalize('NFC')))
  const repeated = columns.find((column, i) => columns.indexOf(column) < i)
  if (repeated !== undefined) throw usageError(`${path} has two columns "${repeated}"`, LAYOUT)
  if (!columns.includes('path')) {
    throw usageError(
      `${path} has no column "path"`,
      columns.length > 0 ? `it has ${columns.slice(0, 8).join(', ')}; ${LAYOUT}` : LAYOUT,
    )
  }
  const table = { path, columns, lines }
  const labelling = labellingOf(table, options.classes)
  if (lines.length === 0) throw usageError(`${path} lists no images`, LAYOUT)
  const classes = options.classes ?? labelling.classes
  if (classes.length === 0) throw usageError(`${path} names no class`, SEVERAL)
  const numbers = classNumbers(classes)
  const splits: Record<SplitName, LabelledFile[]> = { train: [], validation: [], test: [] }
  const names = new Map<SplitName, Set<string>>()
  const place = columns.indexOf('split')
  lines.forEach((line, i) => {
    const where = `line ${i + 2} of ${path}`
    const cell = line[columns.indexOf('path')]!
    if (cell === '') throw usageError(`${where} has an empty path or label`)
    const labels = labelling.namesOf(line, where).map(name => {
      const label = numbers.get(name)
      if (label === undefined) throw usageError(`${where} has the label "${name}", which the network does not know`)
      return label
    })
    const split = place < 0 ? 'train' : splitNamed(line[place]!)
    if (split === undefined) {
      throw usageError(`${where} has the split "${line[place]!.toLowerCase()}"`, `a split is ${SPLIT_NAMES.join(', ')}`)
    }
    if (place >= 0) names.set(split, (names.get(split) ?? new Set()).add(line[place]!.toLowerCase()))
    const file = resolve(dirname(path), cell)
    const label = labels[0] ?? 0
    splits[split].push(labelling.multiLabel ? { file, label, labels } : { file, label })
  })
  if (options.classes === undefined && classes.length === 1 && !labelling.multiLabel) {
    throw usageError(`all images of ${path} are of one class, ${classes[0]}: there is nothing to tell apart`)
  }
  const part = (split: SplitName): ImagePart | null =>
    splits[split].length === 0 ? null : { files: splits[split], where: `rows ${[...names.get(split)!].join(', ')}` }
  const parts =
    place < 0
      ? { train: null, validation: null, test: null, all: { files: splits.train, where: 'all rows' } }
      : { train: part('train'), validation: part('validation'), test: part('test'), all: null }
  const beside = labelling.besides
  const unused = beside.length > 0 ? [`column${beside.length > 1 ? 's' : ''} ${beside.join(', ')}`] : []
  return { classes, parts, unused }
}

const lowered = (names: readonly string[]): string[] => names.map(name => name.toLowerCase())

const KNOWN = ['path', 'label', 'labels', 'split']
const isKnown = (heading: string): boolean => KNOWN.includes(heading.toLowerCase())

function labellingOf(table: Table, known: readonly string[] | undefined): Labelling {
  const { path, columns, lines } = table
  const [one, several] = ['label', 'labels'].map(name => columns.indexOf(name))
  if (one! >= 0 && several! >= 0) throw usageError(`${path} has a column "label" and a column "labels"`, SEVERAL)
  if (one! < 0 && several! < 0) return byColumns(table, known)
  const column = Math.max(one!, several!)
  const besides = columns.filter(name => !isKnown(name) && name !== '')
  if (several! >= 0 || lines.some(line => line[column]!.includes(BETWEEN))) return { ...bySets(table, column), besides }
  const classes = [...new Set(lines.map(line => line[column]!.normalize('NFC')))].sort(byCodePoint)
  const namesOf = (line: readonly string[], where: string): string[] => {
    if (line[column] === '') throw usageError(`${where} has an empty path or label`)
    return [line[column]!.normalize('NFC')]
  }
  return { classes, multiLabel: false, besides, namesOf }
}

/** Labels with | between them; an image without any belongs to no class. */
function bySets({ lines }: Table, column: number): Omit<Labelling, 'besides'> {
  const parts = (line: readonly string[]): string[] =>
    line[column] === '' ? [] : line[column]!.split(BETWEEN).map(name => name.trim().normalize('NFC'))
  const namesOf = (line: readonly string[], where: string): string[] => {
    const names = [...new Set(parts(line))]
    if (names.includes('')) throw usageError(`${where} has an empty label in "${line[column]}"`, SEVERAL)
    return names
  }
  const classes = [...new Set(lines.flatMap(parts))].filter(name => name !== '').sort(byCodePoint)
  return { classes, multiLabel: true, namesOf }
}

/** A column of 0 and 1 for each class, in this order. */
function byColumns({ path, columns }: Table, known: readonly string[] | undefined): Labelling {
  const classes = columns.filter(column => !isKnown(column))
  if (classes.length === 0) throw usageError(`${path} has no column "label"`, `${LAYOUT}; ${SEVERAL}`)
  if (classes.includes('')) throw usageError(`${path} has a column without a name`, SEVERAL)
  const absent = known?.find(name => !classes.includes(name.normalize('NFC')))
  if (absent !== undefined) throw usageError(`${path} has no column for the network's class "${absent}"`, SEVERAL)
  const namesOf = (line: readonly string[], where: string): string[] =>
    classes.filter(name => {
      const value = line[columns.indexOf(name)]!
      if (/^[01](\.0*)?$/.test(value)) return value.startsWith('1')
      const hint = `without a column "label" each column is a class; ${LAYOUT}`
      throw usageError(`${where} has "${value}" for the class "${name}", expected 0 or 1`, hint)
    })
  return { classes, multiLabel: true, besides: [], namesOf }
}
