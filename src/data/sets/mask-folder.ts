// Folders of images with masks, PNG files beside them that say what each pixel is of:
//   images/* and masks/*, or with a folder for each split in both, or the other way round: train/images/* and train/masks/*;
//   train/* and trainannot/*, val and test likewise: CamVid as SegNet's authors give it.
// Classes are the lines of classes.txt or label_colors.txt: a name each, or red, green, blue and a name, where masks are coloured.
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { DenseNetError, usageError } from '../../errors.js'
import type { FileDataset, Normalisation } from '../../images/dataset.js'
import { type Masks, VOID } from '../../images/masks.js'
import { byCodePoint, type SplitName, splitNamed } from '../../images/names.js'
import { GREY_NORMALISATION, IMAGENET_NORMALISATION } from '../../images/standard-normalisation.js'
import { permutation, randomStream } from '../../util/random.js'
import { decodeMaskFile, maskSize } from '../loading/png-mask.js'
import type { ImageFiles } from './image-files.js'
import { imagesIn } from './image-folder.js'

const IMAGES = ['images', 'image']
const MASKS = ['masks', 'mask', 'labels', 'annotations']
/** What the names of masks may have behind those of their images. */
const ENDINGS = ['', '_L', '_mask', '_label', '_labels', '_gt']
const CLASS_FILES = ['classes.txt', 'label_colors.txt', 'labels.txt']
const VOID_NAMES = /^(void|unlabell?ed|ignored?)$/i
/** Is none in masks whose classes have no names, by convention. */
const VOID_VALUE = 255

/** The classes of CamVid's 32 that are trained on, in SegNet's order; 11 is void. */
const CAMVID = 'sky building pole road pavement tree sign fence car pedestrian bicyclist void'.split(' ')

export interface MaskFolderOptions {
  /** Pixels on each side of the squares that training images are cut to; default 224. */
  readonly size?: number | undefined
  /** Trains on whole images instead. */
  readonly frames?: boolean | undefined
  readonly channels?: number | undefined
  readonly normalisation?: Normalisation | undefined
  /** Chooses the tenth that is set aside where the images come without a split; default 0. */
  readonly seed?: number | undefined
}

interface Pair {
  readonly image: string
  readonly mask: string
}

/** Null: the folder has no masks. */
export async function maskFolder(path: string, options: MaskFolderOptions = {}): Promise<ImageFiles | null> {
  const folder = resolve(path)
  const places = await placesOf(folder)
  if (places.length === 0) return null
  const parts = new Map<SplitName | 'all', { pairs: Pair[]; where: string }>()
  for (const { split, images, masks } of places) {
    const own = IMAGES.includes(basename(images).toLowerCase()) ? basename(dirname(images)) : basename(images)
    parts.set(split, { pairs: await pairsOf(images, masks), where: `folder ${own}` })
  }
  const { all } = { all: parts.get('all') }
  if (all) setAside(parts, all.pairs, options.seed ?? 0)
  const train = parts.get('train')
  if (!train) throw usageError(`${path} has masks, but no training images`, 'put them into a folder train')
  const everything = [...parts.values()].flatMap(({ pairs }) => pairs)
  const known = await classesOf(
    folder,
    places.some(({ masks }) => /annot$/i.test(basename(masks))),
    everything,
  )
  const make = await maker(folder, known, options)
  const judged = parts.get('validation') ?? parts.get('test')
  if (!judged) throw usageError(`${path} has no images to judge by`, 'put some into folders val or test')
  const validation = await make(parts.has('validation') ? 'validation' : 'test', judged)
  const test = parts.get('test')
  return {
    train: await make('train', train),
    validation,
    test: test && parts.has('validation') ? await make('test', test) : validation,
    unused: [],
    decided: [known.how],
  }
}

interface Place {
  readonly split: SplitName | 'all'
  readonly images: string
  readonly masks: string
}

async function placesOf(folder: string): Promise<Place[]> {
  const names = await foldersIn(folder)
  const places: Place[] = []
  for (const name of names) {
    const split = splitNamed(name)
    if (split === undefined) continue
    if (names.includes(`${name}annot`)) {
      places.push({ split, images: join(folder, name), masks: join(folder, `${name}annot`) })
      continue
    }
    const inside = beside(await foldersIn(join(folder, name)))
    if (inside)
      places.push({ split, images: join(folder, name, inside.images), masks: join(folder, name, inside.masks) })
  }
  const top = beside(names)
  if (places.length > 0 || !top) return places
  const [images, masks] = [join(folder, top.images), join(folder, top.masks)]
  const splits = (await foldersIn(images)).filter(name => splitNamed(name) !== undefined)
  if (splits.length === 0) return [{ split: 'all', images, masks }]
  return splits.map(name => ({ split: splitNamed(name)!, images: join(images, name), masks: join(masks, name) }))
}

/** The folders of images and of masks among others. */
function beside(names: readonly string[]): { images: string; masks: string } | null {
  const images = names.find(name => IMAGES.includes(name.toLowerCase()))
  const masks = names.find(name => MASKS.includes(name.toLowerCase()))
  return images !== undefined && masks !== undefined ? { images, masks } : null
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  return entries
    .filter(entry => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .sort(byCodePoint)
}

/** Each image with the mask of its name. */
async function pairsOf(images: string, masks: string): Promise<Pair[]> {
  const stem = (file: string): string => basename(file, extname(file))
  const found = new Map((await imagesIn(masks)).map(file => [stem(file), file]))
  const pairs = (await imagesIn(images)).map(image => {
    const ending = ENDINGS.find(ending => found.has(stem(image) + ending))
    if (ending === undefined) throw usageError(`${image} has no mask in ${masks}`, `it would be ${stem(image)}.png`)
    return { image, mask: found.get(stem(image) + ending)! }
  })
  if (pairs.length === 0) throw usageError(`there are no images in ${images}`)
  return pairs
}

/** A tenth for testing. */
function setAside(parts: Map<string, { pairs: Pair[]; where: string }>, pairs: Pair[], seed: number): void {
  const count = Math.max(1, Math.round(pairs.length / 10))
  const aside = new Set(permutation(pairs.length, randomStream(seed, 'split')).subarray(0, count))
  const take = (wanted: boolean): Pair[] => pairs.filter((_, i) => aside.has(i) === wanted)
  parts.set('train', { pairs: take(false), where: 'all images but a tenth' })
  parts.set('test', { pairs: take(true), where: `a tenth of the images, set aside by seed ${seed}` })
}

interface Known {
  readonly classes: readonly string[]
  readonly meaning: Masks['meaning']
  /** In words. */
  readonly how: string
}

async function classesOf(folder: string, isCamVid: boolean, pairs: readonly Pair[]): Promise<Known> {
  for (const name of CLASS_FILES) {
    const text = await readFile(join(folder, name), 'utf8').catch(() => null)
    if (text !== null) return listed(text, join(folder, name))
  }
  if (isCamVid)
    return { ...numbered(CAMVID), how: "classes: CamVid's eleven as SegNet's authors number them, 11 is void" }
  let highest = -1
  for (const { mask } of pairs) {
    const { values } = await decodeMaskFile(mask).catch(error => {
      throw new DenseNetError(`${mask} cannot be read: ${(error as Error).message}`, { cause: error })
    })
    for (const value of values) if (value > highest && value !== VOID_VALUE) highest = value
    if (highest < VOID_VALUE) continue
    throw usageError(
      `${mask} has colours instead of classes`,
      `say what they mean in ${join(folder, CLASS_FILES[1]!)}: lines of red, green, blue and a name`,
    )
  }
  const names = Array.from({ length: highest + 1 }, (_, i) => String(i))
  return { ...numbered(names), how: `classes: the numbers in the masks, 0 to ${highest}; ${VOID_VALUE} is void` }
}

/** Lines with colours, or without. */
function listed(text: string, path: string): Known {
  const lines = text
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => line !== '')
  const coloured = lines.map(line => /^(\d+)[\s,]+(\d+)[\s,]+(\d+)[\s,]+(.+)$/.exec(line))
  if (coloured.every(match => match === null)) return { ...numbered(lines), how: `classes: the lines of ${path}` }
  const meaning = new Map<number, number>()
  const classes: string[] = []
  for (const [i, match] of coloured.entries()) {
    const colour = match?.slice(1, 4).map(Number) ?? []
    if (!match || colour.some(value => value > 255)) {
      throw usageError(`line ${i + 1} of ${path} is no colour and a name: ${lines[i]}`, 'such as: 128 64 128 road')
    }
    const [red, green, blue] = colour as [number, number, number]
    meaning.set((red << 16) | (green << 8) | blue, VOID_NAMES.test(match[4]!) ? VOID : classes.push(match[4]!) - 1)
  }
  return { classes, meaning, how: `classes: the colours of ${path}` }
}

function numbered(names: readonly string[]): Omit<Known, 'how'> {
  const meaning = new Map<number, number>([[VOID_VALUE, VOID]])
  const classes: string[] = []
  for (const [value, name] of names.entries()) {
    meaning.set(value, VOID_NAMES.test(name) ? VOID : classes.push(name) - 1)
  }
  return { classes, meaning }
}

async function maker(folder: string, { classes, meaning, how }: Known, options: MaskFolderOptions) {
  if (classes.length < 2)
    throw usageError(`${folder} has masks of ${classes.length} classes: there is nothing to tell apart`)
  const { size = 224, frames = false, channels = 3 } = options
  const { normalisation = channels === 1 ? GREY_NORMALISATION : IMAGENET_NORMALISATION } = options
  return async (
    split: FileDataset['split'],
    { pairs, where }: { pairs: readonly Pair[]; where: string },
  ): Promise<FileDataset> => {
    const crops = split === 'train' && !frames
    const { height, width } = crops ? { height: size, width: size } : await largest(pairs)
    const length = pairs.length
    return {
      name: folder,
      split,
      where,
      classes,
      channels,
      height,
      width,
      length,
      labels: new Uint16Array(new SharedArrayBuffer(2 * length)),
      normalisation,
      decided: [how],
      files: pairs.map(({ image }) => image),
      masks: { files: pairs.map(({ mask }) => mask), meaning, crops },
      preprocessing: { resize: height, crop: height, interpolation: 'bilinear' },
    }
  }
}

/** A frame that all images fit into. */
async function largest(pairs: readonly Pair[]): Promise<{ height: number; width: number }> {
  const sizes = []
  for (const { mask } of pairs) {
    sizes.push(
      await maskSize(mask).catch(error => {
        throw new DenseNetError(`${mask} cannot be read: ${(error as Error).message}`, { cause: error })
      }),
    )
  }
  return { height: Math.max(...sizes.map(({ height }) => height)), width: Math.max(...sizes.map(({ width }) => width)) }
}
