// Folders of images as they are in the wild: train/<class>/*, val/<class>/* and test/<class>/* (by their usual names, in any
// case), or only <class>/*; an unpacked archive's one folder around them is passed through. Links are followed, hidden files
// skipped, files within a class may lie deeper; classes and files are in the order of their names.

import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { DenseNetError, usageError } from '../../errors.js'
import type { LabelReading } from '../../images/class-columns.js'
import { byCodePoint, classNumbers, type SplitName, splitNamed } from '../../images/names.js'
import { fileError } from '../../node/files.js'
import { throwIfAborted } from '../../util/abort.js'
import { IMAGE_EXTENSIONS, READ_EXTENSIONS } from '../loading/decode.js'

/** The files of each class, before any of them is opened. */
export interface ImageList {
  /** In label order. */
  readonly classes: readonly string[]
  /** By what they are for; null where there are none. `all`: they come without a split. */
  readonly parts: Readonly<Record<SplitName | 'all', ImagePart | null>>
  /** What was there and is not used, in words. */
  readonly unused: readonly string[]
  /** What was decided as it was read, in words. */
  readonly decided?: readonly string[]
  /** How labels were read, where each class has a column. */
  readonly reading?: LabelReading
}

export interface ImagePart {
  readonly files: readonly LabelledFile[]
  /** Where they are, in words: `folder val`. */
  readonly where: string
}

export interface LabelledFile {
  readonly file: string
  readonly label: number
  /** All of them, where an image may have several or none; `label` is then the first, or 0. */
  readonly labels?: readonly number[]
  /** Classes of which it is not known whether it shows them. */
  readonly missing?: readonly number[]
}

const MOST_CLASSES = 65_536
/** Folders around the classes that are passed through. */
const MOST_WRAPPERS = 3
/** What macOS puts into archives. */
const LITTER = '__MACOSX'

/** `classes`: those of a network that is to be tested; then a folder may lack some of them, and training images. */
export async function listImageFolder(
  folder: string,
  options: { readonly classes?: readonly string[] | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<ImageList> {
  const known = options.classes && classNumbers(options.classes)
  const top = await unwrapped(folder, name => known?.has(name.normalize('NFC')) === true)
  const inside = await subfolders(top)
  const loose = new Leftovers()
  const splits = await splitFolders(top, inside, loose)
  if (splits.size > 0 && !splits.has('train') && options.classes === undefined) {
    throw await layoutError(`${top} has no folder train`, top)
  }
  const parents: ReadonlyMap<SplitName | 'all', string> = splits.size > 0 ? splits : new Map([['all', top]])
  const folders = new Map<string, Map<string, string>>()
  for (const parent of parents.values()) folders.set(parent, await classFolders(parent, loose))
  const first = parents.get('train') ?? parents.get('all')
  const trained = first === undefined ? [] : [...folders.get(first)!.keys()]
  if (first !== undefined && trained.length === 0)
    throw await layoutError(`${first} has no folders, one for each class`, first)
  const classes = options.classes ?? trained
  if (classes.length > MOST_CLASSES) throw usageError(`${folder} has more than ${MOST_CLASSES} classes`)
  if (options.classes === undefined && classes.length === 1) {
    throw await layoutError(
      `all images of ${first} are of one class, ${classes[0]}: there is nothing to tell apart`,
      first!,
    )
  }
  const numbers = classNumbers(classes)
  const parts: Record<SplitName | 'all', ImagePart | null> = { train: null, validation: null, test: null, all: null }
  for (const [name, parent] of parents) {
    const files: LabelledFile[] = []
    for (const [className, path] of folders.get(parent)!) {
      throwIfAborted(options.signal, `listing ${folder}`)
      const own = new Leftovers()
      const found = await imagesIn(path, [], own)
      loose.add(own)
      // An empty folder beside those of training is as good as none.
      if (found.length === 0 && (parent !== first || options.classes !== undefined)) continue
      if (found.length === 0) throw usageError(`there are no images in ${path}`, [...own.words(), FORMATS].join('; '))
      const label = numbers.get(className)
      if (label === undefined) {
        const lacks = options.classes ? 'the network does not know' : 'the training images do not have'
        throw usageError(`${path} is a class that ${lacks}`, someNames(classes))
      }
      for (const file of found) files.push({ file, label })
    }
    if (files.length === 0) throw await layoutError(`${parent} has no images in folders, one for each class`, parent)
    parts[name] = { files, where: name === 'all' ? 'all images' : `folder ${basename(parent)}` }
  }
  return { classes, parts, unused: loose.words() }
}

/** Through the one folder that an archive was unpacked to, if there is nothing beside it; not into a class. */
async function unwrapped(folder: string, isClass: (name: string) => boolean): Promise<string> {
  let top = folder
  for (let depth = 0; depth < MOST_WRAPPERS; depth++) {
    const [only, ...others] = await subfolders(top)
    if (only === undefined || others.length > 0 || splitNamed(only) !== undefined || isClass(only)) break
    const below = join(top, only)
    if ((await subfolders(below)).length === 0 || (await hasImages(top)) || (await hasImages(below))) break
    top = below
  }
  return top
}

/** The folders that are named for a split, or none: then all are classes. */
async function splitFolders(top: string, inside: readonly string[], loose: Leftovers): Promise<Map<SplitName, string>> {
  const splits = new Map<SplitName, string>()
  const others: string[] = []
  for (const name of inside) {
    const split = splitNamed(name)
    if (split === undefined) others.push(name)
    else if (splits.has(split)) {
      const hint = 'which one is meant? move the other away'
      throw usageError(`${top} has two folders of ${split} images: ${basename(splits.get(split)!)} and ${name}`, hint)
    } else splits.set(split, join(top, name))
  }
  if (splits.size === 0) return splits
  if (others.length > 0 && !splits.has('train')) {
    throw await layoutError(
      `${top} has a folder ${basename([...splits.values()][0]!)} beside others, but no folder train`,
      top,
    )
  }
  for (const name of others) loose.note(`folder ${name}`)
  // Competitions give test images without their classes.
  const test = splits.get('test')
  if (test !== undefined && splits.size > 1 && (await subfolders(test)).length === 0 && (await hasImages(test))) {
    loose.note(`folder ${basename(test)}: its images are in no folders of classes`)
    splits.delete('test')
  }
  return splits
}

/** Folders of classes by name, in order. */
async function classFolders(parent: string, loose: Leftovers): Promise<Map<string, string>> {
  const classes = new Map<string, string>()
  const names = (await subfolders(parent)).map(name => [name.normalize('NFC'), name] as const)
  for (const [name, folder] of names.sort(([a], [b]) => byCodePoint(a, b))) {
    if (classes.has(name)) {
      throw usageError(`${parent} has two folders "${name}", whose names are the same written in different Unicode`)
    }
    classes.set(name, join(parent, folder))
  }
  for (const { name, isFile } of await filesOf(parent)) {
    if (!isFile) continue
    if (isImage(name)) loose.note(`images in no folder of a class`)
    else loose.ignore(name)
  }
  return classes
}

/** What is in a folder and not used. */
class Leftovers {
  private readonly extensions = new Map<string, number>()
  private readonly notes = new Map<string, number>()

  ignore(file: string): void {
    const extension = extname(file).toLowerCase() || 'without an ending'
    this.extensions.set(extension, (this.extensions.get(extension) ?? 0) + 1)
  }

  note(text: string): void {
    this.notes.set(text, (this.notes.get(text) ?? 0) + 1)
  }

  add(other: Leftovers): void {
    for (const [key, count] of other.extensions) this.extensions.set(key, (this.extensions.get(key) ?? 0) + count)
  }

  /** Files by their extension, the most first. */
  words(): string[] {
    const counts = [...this.extensions].sort(([a, x], [b, y]) => y - x || byCodePoint(a, b))
    const notes = [...this.notes].map(([text, count]) => (text.startsWith('images') ? `${count} ${text}` : text))
    return [...counts.map(([extension, count]) => `${count} ${extension}`), ...notes]
  }
}

const LAYOUT = 'a folder of images has train/<class>/*, val/<class>/* and test/<class>/*, or just <class>/*'
const FORMATS = `images are files that end in ${READ_EXTENSIONS.join(', ')}`

/** Says what is there, and what could be. */
async function layoutError(message: string, folder: string): Promise<DenseNetError> {
  const names = await subfolders(folder)
  const files = (await filesOf(folder)).filter(({ name, isFile }) => isFile && isImage(name)).length
  const shown =
    names.length === 0 ? 'no folders' : `folders ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', ...' : ''}`
  return usageError(message, `it has ${shown} and ${files} images beside them; ${LAYOUT}`)
}

const someNames = (names: readonly string[]): string =>
  `the classes are ${names.slice(0, 10).join(', ')}${names.length > 10 ? `, ... (${names.length})` : ''}`

const isImage = (name: string): boolean => IMAGE_EXTENSIONS.includes(extname(name).toLowerCase())

const filesOf = async (folder: string) =>
  (await entriesOf(folder)).map(entry => ({ name: entry.name, isFile: entry.isFile() || entry.isSymbolicLink() }))

const hasImages = async (folder: string): Promise<boolean> =>
  (await filesOf(folder)).some(({ name, isFile }) => isFile && isImage(name))

/** Names of the folders in a folder, or links to some. */
async function subfolders(folder: string): Promise<string[]> {
  const entries = await entriesOf(folder)
  const names: string[] = []
  for (const entry of entries) {
    const isFolder = entry.isSymbolicLink() ? await isFolderLink(join(folder, entry.name)) : entry.isDirectory()
    if (isFolder) names.push(entry.name)
  }
  return names.sort(byCodePoint)
}

/** All images in a folder and the folders in it. A link back to a folder above is not followed twice. */
export async function imagesIn(folder: string, above: readonly string[] = [], others?: Leftovers): Promise<string[]> {
  const real = await realpath(folder)
  if (above.includes(real)) return []
  const found: string[] = []
  for (const entry of (await entriesOf(folder)).sort((a, b) => byCodePoint(a.name, b.name))) {
    const path = join(folder, entry.name)
    const isFolder = entry.isSymbolicLink() ? await isFolderLink(path) : entry.isDirectory()
    if (isFolder) for (const file of await imagesIn(path, [...above, real], others)) found.push(file)
    else if (isImage(entry.name)) found.push(path)
    else others?.ignore(entry.name)
  }
  return found
}

async function entriesOf(folder: string) {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries.filter(({ name }) => !name.startsWith('.') && name !== LITTER)
  } catch (error) {
    throw fileError(error, `reading ${folder}`)
  }
}

const isFolderLink = (path: string): Promise<boolean> =>
  stat(path).then(
    facts => facts.isDirectory(),
    () => false,
  )

/** Throws unless something is at `path`; says whether it is a folder. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (cause) {
    throw new DenseNetError(`there is no folder or list ${path}`, { code: 'usage', cause })
  }
}
