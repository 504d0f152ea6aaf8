// A list of images as a CSV file: a line of headings, then a line for each image. Columns are `path` (relative to the
// list's own folder, or to one above it), if wanted `split` (train, val, test), and what the image shows: its `label`, its
// `labels` with | between them, or a column for each class (class-columns.ts).

import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { usageError } from '../../errors.js'
import { byColumns, type Labelling, type LabelReading, SEVERAL, type Table } from '../../images/class-columns.js'
import { byCodePoint, classNumbers, SPLIT_NAMES, type SplitName, splitNamed } from '../../images/names.js'
import type { ImageList, ImagePart, LabelledFile } from './image-folder.js'
import { readTable } from './list-text.js'

const LAYOUT = 'its first line names the columns: path,label or path,label,split'
/** Between the labels of an image, as in ChestX-ray14. */
const BETWEEN = '|'

/** Names of the column of paths, the first that is there. */
const PATHS = ['path', 'image', 'filename']
/** Folders above the list's own that paths may be relative to. */
const MOST_ABOVE = 3

/** `classes`: those of a network that is to be tested. */
export async function listImageCsv(
  path: string,
  options: { readonly classes?: readonly string[] | undefined } & Partial<LabelReading> = {},
): Promise<ImageList> {
  const named = (found: readonly string[]) => PATHS.find(name => lowered(found).includes(name))
  const [headings = [], ...lines] = await readTable(path, found => named(found) !== undefined, LAYOUT)
  const heading = named(headings)
  const columns = headings.map(name => {
    const lower = name.toLowerCase()
    return lower === heading ? 'path' : isKnown(name) ? lower : name.normalize('NFC')
  })
  const repeated = columns.find((column, i) => columns.indexOf(column) < i)
  if (repeated !== undefined) throw usageError(`${path} has two columns "${repeated}"`, LAYOUT)
  if (!columns.includes('path')) {
    throw usageError(
      `${path} has no column "path"`,
      columns.length > 0 ? `it has ${columns.slice(0, 8).join(', ')}; ${LAYOUT}` : LAYOUT,
    )
  }
  const table = { path, columns, lines }
  const labelling = labellingOf(table, options)
  if (lines.length === 0) throw usageError(`${path} lists no images`, LAYOUT)
  const classes = options.classes ?? labelling.classes
  if (classes.length === 0) throw usageError(`${path} names no class`, SEVERAL)
  const numbers = classNumbers(classes)
  const splits: Record<SplitName, LabelledFile[]> = { train: [], validation: [], test: [] }
  const names = new Map<SplitName, Set<string>>()
  const place = columns.indexOf('split')
  const cells = lines.map(line => line[columns.indexOf('path')]!)
  const { base, words } = await baseOf(path, cells)
  lines.forEach((line, i) => {
    const where = `line ${i + 2} of ${path}`
    const cell = cells[i]!
    if (cell === '') throw usageError(`${where} has an empty path or label`)
    const numberOf = (name: string): number => {
      const label = numbers.get(name)
      if (label === undefined) throw usageError(`${where} has the label "${name}", which the network does not know`)
      return label
    }
    const labels = labelling.namesOf(line, where).map(numberOf)
    const missing = labelling.missingOf?.(line).flatMap(name => numbers.get(name) ?? [])
    const split = place < 0 ? 'train' : splitNamed(line[place]!)
    if (split === undefined) {
      throw usageError(`${where} has the split "${line[place]!.toLowerCase()}"`, `a split is ${SPLIT_NAMES.join(', ')}`)
    }
    if (place >= 0) names.set(split, (names.get(split) ?? new Set()).add(line[place]!.toLowerCase()))
    const file = resolve(base, cell)
    const label = labels[0] ?? 0
    splits[split].push(
      labelling.multiLabel ? { file, label, labels, ...(missing ? { missing } : {}) } : { file, label },
    )
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
  const { reading, decided = [] } = labelling
  return { classes, parts, unused, decided: [...words, ...decided], ...(reading ? { reading } : {}) }
}

/** The folder that paths are relative to: the list's own, or, where its first image is not there, one above it, as in lists
 * that come within a data set and name its folder. */
async function baseOf(path: string, cells: readonly string[]): Promise<{ base: string; words: string[] }> {
  const own = dirname(path)
  const [first] = cells
  if (!first || (await exists(resolve(own, first)))) return { base: own, words: [] }
  const found: string[] = []
  for (let [above, n] = [dirname(own), 0]; n < MOST_ABOVE; [above, n] = [dirname(above), n + 1]) {
    if (!found.includes(above) && (await exists(resolve(above, first)))) found.push(above)
  }
  const [base, other] = found
  if (other !== undefined && resolve(base!, first) !== resolve(other, first)) {
    const hint = 'which one is meant? move the list beside its images, or the other images away'
    throw usageError(`the first image of ${path}, ${first}, is both in ${base} and in ${other}`, hint)
  }
  if (base === undefined || resolve(base, first) === resolve(own, first)) return { base: own, words: [] }
  return { base, words: [`paths are relative to ${base}`] }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

const lowered = (names: readonly string[]): string[] => names.map(name => name.toLowerCase())

const KNOWN = ['path', 'label', 'labels', 'split']
const isKnown = (heading: string): boolean => KNOWN.includes(heading.toLowerCase())

function labellingOf(table: Table, options: NonNullable<Parameters<typeof listImageCsv>[1]>): Labelling {
  const { path, columns, lines } = table
  const [one, several] = ['label', 'labels'].map(name => columns.indexOf(name))
  if (one! >= 0 && several! >= 0) throw usageError(`${path} has a column "label" and a column "labels"`, SEVERAL)
  if (one! < 0 && several! < 0) return byColumns(table, LAYOUT, options)
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
