// The networks of the project: the one to begin with, and the one that was taught; what is asked of them.
import { signal } from '@preact/signals'
import { DenseNet, imageBlobs } from '../../src/entries/browser.js'
import { usageError } from '../../src/errors.js'
import type { FileDataset } from '../../src/images/dataset.js'
import { byCodePoint } from '../../src/images/names.js'
import { refusePixels } from '../../src/model/describe.js'
import { say } from './notice.js'
import { BASE_FILE, base, labels, type Picture, pictures } from './project.js'
import { forget, keep, readKept } from './store.js'

const SHIPPED = { name: 'densenet-bc-40-12', file: './cifar10.safetensors' } as const
/** Folder of the pictures in a project that has left the browser, and so the name of the data set. */
const PICTURES = 'pictures'

/** How it computes: for every call that may be the first. */
export const compute = {
  wasm: { simd: './simd.wasm', relaxed: './relaxed.wasm' },
  onWarning: (text: string) => say(text),
}

/** The network that was taught; null: none yet. */
export const taught = signal<DenseNet | null>(null)

export function setTaught(network: DenseNet | null): void {
  if (taught.value !== network) taught.value?.dispose()
  taught.value = network
}

export interface BaseFacts {
  readonly name: string
  readonly size: number
  readonly parameters: number
  readonly depth: number
}
export const baseFacts = signal<BaseFacts | null>(null)

/** Whoever asks for it disposes of it. */
export async function openBase(): Promise<DenseNet> {
  const file = base.value && (await readKept(BASE_FILE))
  const network = await DenseNet.load(file ?? SHIPPED.file)
  const { parameters, depth } = await network.summary()
  baseFacts.value = { name: file ? base.value!.name : SHIPPED.name, size: network.config.height, parameters, depth }
  return network
}

export async function lookAtBase(): Promise<void> {
  ;(await openBase()).dispose()
}

/** Takes the network of any file of weights; null: the one that comes with the page. */
export async function chooseBase(file: File | null): Promise<void> {
  if (file) {
    // Whatever cannot be read, or told apart by, is said so, and changes nothing.
    const network = await DenseNet.load(file)
    network.dispose()
    refusePixels(network.config, 'the playground')
    await keep(BASE_FILE, file)
  } else await forget(BASE_FILE)
  base.value = file && { name: file.name }
  await lookAtBase()
}

export interface Sets {
  readonly train: FileDataset
  readonly heldOut: FileDataset
}

/** Pictures by their places in the data set, which is in the order of folders and files. */
export const inOrder = (held: boolean): Picture[] =>
  pictures.value
    .filter(({ heldOut }) => heldOut === held)
    .sort((a, b) => byCodePoint(a.label, b.label) || byCodePoint(a.file, b.file))

/** Pictures as Node reads them from folders, so that a run may go on there. */
export function setOf({ config, normalisation }: DenseNet, shown: readonly Picture[], split: 'train' | 'validation') {
  const folder = split === 'train' ? 'train' : 'val'
  const images = shown.map(({ image, label, file }) => ({ image, label, file: `${folder}/${label}/${file}` }))
  return imageBlobs(images, {
    classes: labels(),
    name: PICTURES,
    split,
    size: config.height,
    channels: config.inputChannels,
    ...(normalisation ? { normalisation } : {}),
  })
}

export const setsFor = (network: DenseNet): Sets => ({
  train: setOf(network, inOrder(false), 'train'),
  heldOut: setOf(network, inOrder(true), 'validation'),
})

/** Why the pictures cannot be trained on yet; null: they can. */
export function unready(): string | null {
  const names = labels()
  if (names.length < 2) return 'Two classes are needed, so that there is something to tell apart.'
  const lacking = names.filter(
    name => pictures.value.filter(({ label, heldOut }) => label === name && !heldOut).length === 0,
  )
  if (lacking.length > 0) return `${lacking.join(', ')} ${lacking.length > 1 ? 'have' : 'has'} no pictures to train on.`
  if (!pictures.value.some(({ heldOut }) => heldOut)) {
    return 'At least one picture must be held out, to see whether the network knows what it was not shown.'
  }
  return null
}

export function checkReady(): void {
  const why = unready()
  if (why !== null) throw usageError(why)
}
