// Folders of images as ImageNet has them: train/<class>/* and val/<class>/*, or only <class>/*. Links are followed, hidden
// files skipped, files within a class may lie deeper; classes and files are in the order of their names.

import { readdir, realpath, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { DenseNetError, usageError } from '../errors.js'
import { throwIfAborted } from '../util/abort.js'
import { fileError } from '../util/files.js'
import { IMAGE_EXTENSIONS, READ_EXTENSIONS } from './decode.js'

/** The files of each class, before any of them is opened. */
export interface ImageList {
  /** In label order. */
  readonly classes: readonly string[]
  readonly train: readonly LabelledFile[]
  /** Null when nothing was set aside. */
  readonly test: readonly LabelledFile[] | null
}

export interface LabelledFile {
  readonly file: string
  readonly label: number
  /** All of them, where an image may have several or none; `label` is then the first, or 0. */
  readonly labels?: readonly number[]
}

/** Names of the folder with the images for evaluation; the first one that is there counts. */
const TEST_FOLDERS = ['val', 'valid', 'validation', 'test'] as const
const MOST_CLASSES = 65_536

/** `classes`: those of a network that is to be tested; then a folder may lack some of them, and `train` altogether. */
export async function listImageFolder(
  folder: string,
  options: { readonly classes?: readonly string[] | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<ImageList> {
  const inside = await subfolders(folder)
  const testFolder = TEST_FOLDERS.find(name => inside.includes(name))
  const trainFolder = inside.includes('train') ? join(folder, 'train') : testFolder === undefined ? folder : null
  if (trainFolder === null && options.classes === undefined) {
    throw usageError(`${folder} has a folder ${testFolder}, but no folder train`, LAYOUT)
  }
  const trained = trainFolder === null ? [] : await subfolders(trainFolder)
  if (trainFolder !== null && trained.length === 0) {
    throw usageError(`${trainFolder} has no folders, one for each class`, LAYOUT)
  }
  const tested = testFolder === undefined ? [] : await subfolders(join(folder, testFolder))
  const classes = options.classes ?? trained
  if (classes.length > MOST_CLASSES) throw usageError(`${folder} has more than ${MOST_CLASSES} classes`)
  const list = async (parent: string, names: readonly string[]): Promise<LabelledFile[]> => {
    const all: LabelledFile[] = []
    for (const name of names) {
      const label = classes.indexOf(name)
      if (label < 0) {
        const known = options.classes ? 'the network does not know' : 'the training images do not have'
        throw usageError(`${join(parent, name)} is a class that ${known}`, someNames(classes))
      }
      throwIfAborted(options.signal, `listing ${folder}`)
      const files = await imagesIn(join(parent, name))
      if (files.length === 0) throw usageError(`there are no images in ${join(parent, name)}`, FORMATS)
      for (const file of files) all.push({ file, label })
    }
    return all
  }
  const train = trainFolder === null ? [] : await list(trainFolder, trained)
  const test = testFolder === undefined ? null : await list(join(folder, testFolder), tested)
  if (test?.length === 0) throw usageError(`${join(folder, testFolder!)} has no folders, one for each class`, LAYOUT)
  return { classes, train, test }
}

const LAYOUT = 'a folder of images has train/<class>/* and val/<class>/*, or just <class>/*'
const FORMATS = `images are files that end in ${READ_EXTENSIONS.join(', ')}`

const someNames = (names: readonly string[]): string =>
  `the classes are ${names.slice(0, 10).join(', ')}${names.length > 10 ? `, ... (${names.length})` : ''}`

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Names of the folders in a folder, or links to some. */
async function subfolders(folder: string): Promise<string[]> {
  const entries = await entriesOf(folder)
  const names: string[] = []
  for (const entry of entries) {
    const isFolder = entry.isSymbolicLink() ? await isFolderLink(join(folder, entry.name)) : entry.isDirectory()
    if (isFolder) names.push(entry.name)
  }
  return names.sort(byName)
}

/** All images in a folder and the folders in it. A link back to a folder above is not followed twice. */
export async function imagesIn(folder: string, above: readonly string[] = []): Promise<string[]> {
  const real = await realpath(folder)
  if (above.includes(real)) return []
  const found: string[] = []
  for (const entry of (await entriesOf(folder)).sort((a, b) => byName(a.name, b.name))) {
    const path = join(folder, entry.name)
    const isFolder = entry.isSymbolicLink() ? await isFolderLink(path) : entry.isDirectory()
    if (isFolder) for (const file of await imagesIn(path, [...above, real])) found.push(file)
    else if (IMAGE_EXTENSIONS.includes(extname(entry.name).toLowerCase())) found.push(path)
  }
  return found
}

async function entriesOf(folder: string) {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries.filter(({ name }) => !name.startsWith('.'))
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
