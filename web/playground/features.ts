// What the network to begin with sees in each picture: computed once, kept, and used by every classifier.
import type { DenseNet, FitOptions } from '../../src/entries/browser.js'
import { hashOf } from './hash.js'
import { compute, inOrder, setOf } from './network.js'
import { type Picture, pictures } from './project.js'
import { keep, readKept } from './store.js'

const FILE = 'features'

interface Known {
  /** Of which network. */
  readonly of: string
  readonly byPicture: Map<string, Float32Array>
}

let known: Known | null = null

/** A line of JSON, padded, and the numbers of one picture after the other. */
async function read(of: string): Promise<Known> {
  const none = { of, byPicture: new Map<string, Float32Array>() }
  const file = await readKept(FILE)
  if (!file) return none
  const bytes = await file.arrayBuffer()
  const length = new DataView(bytes).getUint32(0, true)
  const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length))) as { of: string; ids: string[] }
  if (facts.of !== of || facts.ids.length === 0) return none
  const all = new Float32Array(bytes.slice(4 + length))
  const width = all.length / facts.ids.length
  return { of, byPicture: new Map(facts.ids.map((id, i) => [id, all.subarray(i * width, (i + 1) * width)])) }
}

async function write({ of, byPicture }: Known): Promise<void> {
  const facts = new TextEncoder().encode(JSON.stringify({ of, ids: [...byPicture.keys()] }))
  const numbers = [...byPicture.values()] as Float32Array<ArrayBuffer>[]
  await keep(FILE, new Blob([Uint32Array.of(facts.length), facts, ...numbers]))
}

/** What decides the features of a network, as a word that differs when they do. */
export async function featuresOf(network: DenseNet): Promise<string> {
  const { parameters, running } = await network.state
  const bits = (numbers: Float32Array): Uint32Array =>
    new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length)
  return `${hashOf(bits(parameters), bits(running))} ${JSON.stringify([network.normalisation, network.config.height])}`
}

/** Of all pictures, for `fit`; only those of new ones are computed, by a network whose features are `of` this kind. */
export async function knownFeatures(
  network: DenseNet,
  of: string,
  onProgress: (done: number, all: number) => void,
  signal: AbortSignal,
): Promise<NonNullable<FitOptions['knownFeatures']>> {
  if (known?.of !== of) known = await read(of)
  const { byPicture } = known
  const there = new Set(pictures.value.map(({ id }) => id))
  for (const id of byPicture.keys()) if (!there.has(id)) byPicture.delete(id)
  const lacking = pictures.value.filter(({ id }) => !byPicture.has(id))
  if (lacking.length > 0) {
    const dataset = setOf(network, lacking, 'train')
    const all = lacking.length
    onProgress(0, all)
    const found = await network.features(dataset, { ...compute, signal, onProgress: done => onProgress(done, all) })
    const width = found.data.length / found.images
    found.indices.forEach((picture, i) => {
      byPicture.set(lacking[picture]!.id, found.data.slice(i * width, (i + 1) * width))
    })
    await write(known)
  }
  const rows = (shown: readonly Picture[]): Float32Array => {
    const own = shown.map(({ id }) => byPicture.get(id)!)
    const all = new Float32Array(own.length * (own[0]?.length ?? 0))
    own.forEach((row, i) => {
      all.set(row, i * row.length)
    })
    return all
  }
  return { train: rows(inOrder(false)), validation: rows(inOrder(true)) }
}
