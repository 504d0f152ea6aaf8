// Lists with a column for each class: 1 where the image shows it, 0 where not, -1 where that is uncertain, blank where nothing
// was said, as in CheXpert. Other columns, such as age, are not used.

import { parameterError, usageError } from '../errors.js'

/** What an uncertain label (-1) becomes: 0, 1, or one that has no part in the loss and in scores. */
export type Uncertain = (typeof UNCERTAIN)[number]
/** All ways of reading -1. */
export const UNCERTAIN = ['zeros', 'ones', 'ignore'] as const
/** What a blank becomes. */
export type Blank = (typeof BLANK)[number]
/** All ways of reading a blank, the usual one first. */
export const BLANK = ['zeros', 'ignore'] as const

/** How columns of classes are read. */
export interface LabelReading {
  /** Null: not said, so that -1 is refused. */
  readonly uncertain?: Uncertain | null | undefined
  /** Default: zeros, as CheXpert's authors take them. */
  readonly blank?: Blank | undefined
}

/** A list as it is read: headings, and lines of as many cells. */
export interface Table {
  readonly path: string
  readonly columns: readonly string[]
  readonly lines: readonly (readonly string[])[]
}

/** How a table says what an image shows. */
export interface Labelling {
  readonly classes: readonly string[]
  readonly multiLabel: boolean
  /** Columns that say nothing of it. */
  readonly besides: readonly string[]
  /** Names of classes; `where` is for messages. */
  readonly namesOf: (line: readonly string[], where: string) => readonly string[]
  /** Those of which it is not known whether the image shows them. */
  readonly missingOf?: (line: readonly string[]) => readonly string[]
  /** How cells were read, where each class has a column. */
  readonly reading?: LabelReading
  /** What was decided of them, in words. */
  readonly decided?: readonly string[]
}

export const SEVERAL =
  'several labels of an image have | between them, or each class has a column of 1, 0, -1 or nothing'

const VALUE = /^(?:-?1|0)(?:\.0*)?$/

/** The numbers 1, 0, -1; null: blank; undefined: another value. */
function numberIn(cell: string): number | null | undefined {
  if (cell === '') return null
  return VALUE.test(cell) ? Number(cell) : undefined
}

/** Classes in the order of their columns, which are those with no value but these. Where these are at least half of a
 * column's values the others are taken for mistakes, and refused. `layout`: what lists may be, for messages. */
export function byColumns(
  { path, columns, lines }: Table,
  layout: string,
  options: { readonly classes?: readonly string[] | undefined } & LabelReading,
): Labelling {
  const { uncertain = null, blank = 'zeros', classes: known } = options
  if (uncertain !== null && !UNCERTAIN.includes(uncertain)) {
    throw parameterError('uncertain', `one of ${UNCERTAIN.join(', ')}`, uncertain)
  }
  if (!BLANK.includes(blank)) throw parameterError('blank', `one of ${BLANK.join(', ')}`, blank)
  const named = columns.flatMap((name, place) => (OWN.includes(name) ? [] : [{ name, place }]))
  const noClass = (): never => {
    throw usageError(`${path} has no column "label"`, `${layout}; ${SEVERAL}`)
  }
  if (named.length === 0) noClass()
  if (named.some(({ name }) => name === '')) throw usageError(`${path} has a column without a name`, SEVERAL)
  const absent = known?.find(name => !columns.includes(name.normalize('NFC')))
  if (absent !== undefined) throw usageError(`${path} has no column for the network's class "${absent}"`, SEVERAL)
  const wanted = new Set(known?.map(name => name.normalize('NFC')))
  const counts = { uncertain: 0, blank: 0 }
  const isClass = ({ name, place }: (typeof named)[number]): boolean => {
    const values = lines.map(line => numberIn(line[place]!))
    const wrong = values.indexOf(undefined)
    const [others, blanks] = [undefined, null].map(kind => values.filter(value => value === kind).length)
    const fitting = values.length - others! - blanks!
    if (wrong >= 0 && (wanted.has(name) || fitting >= others!)) {
      const where = `line ${wrong + 2} of ${path} has "${lines[wrong]![place]}" for the class "${name}"`
      throw usageError(
        `${where}, expected 1, 0, -1 or nothing`,
        `without a column "label" columns are classes; ${layout}`,
      )
    }
    // A column of blanks says nothing, but a network may know its class.
    if (!wanted.has(name) && (wrong >= 0 || (fitting === 0 && lines.length > 0))) return false
    counts.blank += blanks!
    for (const [i, value] of values.entries()) {
      if (value !== -1) continue
      counts.uncertain++
      if (uncertain !== null) continue
      const hint = `say what it is: --uncertain zeros (not there), ones (there), or ignore (no part in loss and scores)`
      throw usageError(`line ${i + 2} of ${path} has -1 for the class "${name}", which is uncertain`, hint)
    }
    return true
  }
  const used = named.filter(isClass)
  if (used.length === 0) noClass()
  const namesOf = (line: readonly string[]): string[] =>
    used.filter(({ place }) => meaning(numberIn(line[place]!), uncertain, blank) === 1).map(({ name }) => name)
  const missingOf = (line: readonly string[]): string[] =>
    used.filter(({ place }) => meaning(numberIn(line[place]!), uncertain, blank) === null).map(({ name }) => name)
  return {
    classes: used.map(({ name }) => name),
    multiLabel: true,
    besides: named.filter(column => !used.includes(column)).map(({ name }) => name),
    namesOf,
    missingOf,
    reading: { uncertain, blank },
    decided: decisions(counts, { uncertain, blank }),
  }
}

const OWN = ['path', 'split']

/** 1: there, 0: not, null: not known. */
function meaning(value: number | null | undefined, uncertain: Uncertain | null, blank: Blank): number | null {
  const way = value === null ? blank : value === -1 ? uncertain : undefined
  if (way === 'ignore') return null
  return way === 'ones' || value === 1 ? 1 : 0
}

function decisions(
  counts: { readonly uncertain: number; readonly blank: number },
  { uncertain, blank }: LabelReading,
): string[] {
  const words = { zeros: 'not there', ones: 'there', ignore: 'no part in loss and scores' }
  return [
    ...(counts.uncertain > 0 ? [`${counts.uncertain} uncertain labels (-1): ${words[uncertain!]}`] : []),
    ...(counts.blank > 0
      ? [
          `${counts.blank} blank labels: ${words[blank!]} (--blank ${blank === 'zeros' ? 'ignore leaves them out' : blank})`,
        ]
      : []),
  ]
}
