// The project: classes, pictures, the network to begin with, what was trained. It is kept as it changes.
import { effect, signal } from '@preact/signals'
import { byCodePoint } from '../../src/images/names.js'
import { hashOf } from './hash.js'
import { className, fileName } from './names.js'
import { complain } from './notice.js'
import { asKept } from './picture.js'
import { forget, keep, keptFiles, readKept } from './store.js'

export interface Picture {
  readonly id: string
  readonly label: string
  readonly file: string
  /** Judges the network, and is never trained on. */
  readonly heldOut: boolean
  readonly image: Blob
}

/** A training, begun or ended. */
export interface Training {
  /** Its run's folder, below the store's root. */
  readonly run: string
  readonly kind: 'classifier' | 'whole'
  readonly begun: number
  readonly pictures: number
  readonly heldOut: number
  readonly epochs: number
  readonly seconds: number | null
  /** Of the held-out pictures after the last epoch, in percent. */
  readonly error: number | null
  readonly state: 'training' | 'stopped' | 'done'
  /** What it was trained on, to tell whether that has changed. */
  readonly of: string
}

/** The network to begin with; null: the one that comes with the page. */
export interface Base {
  readonly name: string
}

interface Kept {
  readonly version: 1
  readonly name: string
  readonly classes: readonly string[]
  readonly pictures: readonly Omit<Picture, 'image'>[]
  readonly base: Base | null
  readonly history: readonly Training[]
}

export const PROJECT_FILE = 'project.json'
export const BASE_FILE = 'network.weights'
const UNNAMED = 'my project'

export const projectName = signal(UNNAMED)
export const classes = signal<readonly string[]>([])
export const pictures = signal<readonly Picture[]>([])
export const base = signal<Base | null>(null)
export const history = signal<readonly Training[]>([])
/** Whether what is kept has been read. */
export const loaded = signal(false)

/** One picture of five, and one of a class of two. */
const heldOutAt = (place: number): boolean => place % 5 === 1

export const picturesOf = (label: string): readonly Picture[] =>
  pictures.value.filter(picture => picture.label === label)

/** In the order of names, which is that of folders: a label means the same here and there. */
export const labels = (): string[] => [...classes.value].sort(byCodePoint)

/** What a network is trained on, as a word that differs when that does. */
export function fingerprintOf(): string {
  const text = JSON.stringify(pictures.value.map(({ label, file, heldOut }) => [label, file, heldOut]).sort())
  return hashOf(Array.from(text, character => character.codePointAt(0)!))
}

export function described(): Kept {
  return {
    version: 1,
    name: projectName.value,
    classes: classes.value,
    pictures: pictures.value.map(({ image: _, ...picture }) => picture),
    base: base.value,
    history: history.value,
  }
}

export async function openProject(): Promise<void> {
  const file = await readKept(PROJECT_FILE)
  if (file) {
    const kept = JSON.parse(await file.text()) as Kept
    const images = await keptFiles('pictures')
    projectName.value = kept.name
    classes.value = kept.classes
    pictures.value = kept.pictures.flatMap(picture => {
      const image = images.get(picture.id)
      return image ? [{ ...picture, image }] : []
    })
    base.value = kept.base
    // What trains, trains in a tab, and this one has just come.
    history.value = kept.history.map(one => (one.state === 'training' ? { ...one, state: 'stopped' } : one))
  }
  loaded.value = true
  keepChanges()
}

let writing: Promise<void> = Promise.resolve()

function keepChanges(): void {
  let last = JSON.stringify(described())
  effect(() => {
    const text = JSON.stringify(described())
    if (text === last) return
    last = text
    // The newest of those that wait is the only one that matters.
    writing = writing.then(() => (text === last ? keep(PROJECT_FILE, text) : undefined)).catch(complain)
  })
}

/** Resolves when the last change is on the disk. */
export const kept = (): Promise<void> => writing

export function addClass(name: string): string | null {
  const free = className(name, classes.value)
  if (free !== null) classes.value = [...classes.value, free]
  return free
}

/** Its new name. */
export function renameClass(label: string, name: string): string {
  const others = classes.value.filter(other => other !== label)
  const free = className(name, others) ?? label
  classes.value = classes.value.map(other => (other === label ? free : other))
  pictures.value = pictures.value.map(picture => (picture.label === label ? { ...picture, label: free } : picture))
  return free
}

export async function removeClass(label: string): Promise<void> {
  const gone = picturesOf(label)
  classes.value = classes.value.filter(other => other !== label)
  await removePictures(gone)
}

export interface Added {
  readonly added: number
  /** Sentences. */
  readonly refused: readonly string[]
}

/** `heldOut`: where that is known already. */
export async function addPictures(label: string, files: readonly File[], heldOut?: boolean): Promise<Added> {
  // Or the browser may clear it away when the disk is full.
  if (pictures.value.length === 0) void navigator.storage.persist()
  let added = 0
  const refused: string[] = []
  for (const file of files) {
    try {
      const image = await asKept(file, file.name)
      const id = crypto.randomUUID()
      await keep(`pictures/${id}`, image)
      const own = picturesOf(label)
      const name = fileName(
        file.name,
        image.type,
        own.map(({ file }) => file),
      )
      const picture = { id, label, file: name, heldOut: heldOut ?? heldOutAt(own.length), image }
      pictures.value = [...pictures.value, picture]
      added++
    } catch (error) {
      refused.push((error as Error).message)
    }
  }
  return { added, refused }
}

export async function removePictures(gone: readonly Picture[]): Promise<void> {
  const ids = new Set(gone.map(({ id }) => id))
  pictures.value = pictures.value.filter(({ id }) => !ids.has(id))
  for (const id of ids) await forget(`pictures/${id}`)
}

/** To another class, or between those that are trained on and those that are held out. */
export function changePictures(which: ReadonlySet<string>, change: Partial<Pick<Picture, 'label' | 'heldOut'>>): void {
  const changed: Picture[] = []
  const taken = (label: string) =>
    [...pictures.value.filter(({ id }) => !which.has(id)), ...changed]
      .filter(picture => picture.label === label)
      .map(({ file }) => file)
  for (const picture of pictures.value) {
    if (!which.has(picture.id)) continue
    const next = { ...picture, ...change }
    changed.push({ ...next, file: fileName(next.file, next.image.type, taken(next.label)) })
  }
  const byId = new Map(changed.map(picture => [picture.id, picture]))
  pictures.value = pictures.value.map(picture => byId.get(picture.id) ?? picture)
}

/** Nothing is left of it. */
export async function clearProject(): Promise<void> {
  const runs = history.value.map(({ run }) => run)
  projectName.value = UNNAMED
  classes.value = []
  pictures.value = []
  base.value = null
  history.value = []
  await kept()
  for (const path of ['pictures', 'features', BASE_FILE, ...runs]) await forget(path)
}
