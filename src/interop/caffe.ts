// Caffe's .caffemodel: the layers of a network with their numbers (caffe.proto). Caffe writes each layer's settings and
// what it reads beside its numbers, so that its prototxt tells no more.
import { DenseNetError } from '../errors.js'
import { type GraphFacts, type GraphNode, graphFacts } from './graph.js'
import { type Field, fieldsOf, floatOf, wholeNumbers } from './protobuf.js'
import { damaged, decodeElements, elementCount, type Tensor } from './tensor.js'
import type { WeightFile } from './weight-file.js'

type CaffeWeights = Pick<WeightFile, 'tensors' | 'layers' | 'bnEpsilon' | 'facts'>

/** Field numbers of caffe.proto. */
const NET = { oldLayers: 2, last: 8, layers: 100 }
const LAYER = {
  ...{ name: 1, type: 2, bottom: 3, top: 4, blobs: 7, transform: 100, convolution: 106, innerProduct: 117 },
  ...{ pooling: 121, relu: 123, batchNorm: 139 },
}
const BLOB = { legacy: [1, 2, 3, 4], data: 5, shape: 7, doubles: 8 }
const TRANSFORM = { scale: 1, meanFile: 4, mean: 5 }

const BYTES = { float32: 4, float64: 8 } as const
const NO_BYTES = new Uint8Array(0)
/** Caffe's own, where the file has none. */
const EPSILON = 1e-5
/** A DenseNet-264 has 1,400. */
const MOST_LAYERS = 20_000
const MOST_PARTS = 256
/** Layers that are there for training, or change nothing once trained. */
const NOTHING = /^(\w*Data|Input|Split|Dropout|Softmax|SoftmaxWithLoss|Accuracy|Flatten|Reshape|Silence|ArgMax)$/

/** Whether these are the bytes of a NetParameter: fields that it has, up to a layer. */
export function looksLikeCaffe(bytes: Uint8Array): boolean {
  try {
    for (const { number, bytes: content } of fieldsOf(bytes, '')) {
      // ONNX has a number first, where Caffe has a name.
      if (number === 1 && content.length === 0) return false
      if (number === NET.layers || number === NET.oldLayers) return true
      if (number > NET.last) return false
    }
  } catch {
    // No fields at all.
  }
  return false
}

interface CaffeLayer {
  readonly name: string
  readonly type: string
  readonly bottoms: readonly string[]
  readonly tops: readonly string[]
  readonly blobs: readonly Tensor[]
  readonly settings: ReadonlyMap<number, Uint8Array>
}

/** What is in a .caffemodel. Throws a sentence where it is damaged or no DenseNet's. */
export function readCaffe(bytes: Uint8Array, file: string): CaffeWeights {
  const layers: CaffeLayer[] = []
  for (const { number, bytes: content } of fieldsOf(bytes, file)) {
    if (number === NET.oldLayers) {
      throw new DenseNetError(
        `${file} holds layers of Caffe's first format (V1), which has no batch norm: no DenseNet's`,
      )
    }
    if (number !== NET.layers) continue
    if (layers.length === MOST_LAYERS) throw new DenseNetError(`${file} holds more than ${MOST_LAYERS} layers`)
    layers.push(readLayer(content, file))
  }
  const tensors = new Map<string, Tensor>()
  const nodes = graphOf(layers, tensors, file)
  const { layers: order, bnEpsilon, ...facts }: GraphFacts = graphFacts(nodes, file)
  return { tensors, layers: order, bnEpsilon, facts: { ...facts, ...transformOf(layers, file) } }
}

function readLayer(bytes: Uint8Array, file: string): CaffeLayer {
  const texts: Record<string, string[]> = { name: [], type: [], bottom: [], top: [] }
  const blobs: Tensor[] = []
  const settings = new Map<number, Uint8Array>()
  for (const { number, bytes: content } of fieldsOf(bytes, file)) {
    const text = Object.keys(texts).find(key => LAYER[key as 'name'] === number)
    if (text !== undefined) texts[text]!.push(new TextDecoder().decode(content))
    else if (number === LAYER.blobs) blobs.push(readBlob(content, file))
    else if (content.length > 0) settings.set(number, content)
    const most = Math.max(blobs.length, settings.size, ...Object.values(texts).map(list => list.length))
    if (most > MOST_PARTS) throw new DenseNetError(`${file} holds a layer of more than ${MOST_PARTS} parts`)
  }
  const [name = '', type = ''] = [texts.name!.at(-1), texts.type!.at(-1)]
  return { name, type, bottoms: texts.bottom!, tops: texts.top!, blobs, settings }
}

function readBlob(bytes: Uint8Array, file: string): Tensor {
  let shape: readonly number[] | null = null
  const legacy = [1, 1, 1, 1]
  // Numbers may come in several pieces.
  const numbers = new Uint8Array(bytes.length)
  let length = 0
  let type: 'float32' | 'float64' = 'float32'
  for (const { number, value, bytes: content } of fieldsOf(bytes, file)) {
    const place = BLOB.legacy.indexOf(number)
    if (place >= 0) legacy[place] = value
    else if (number === BLOB.shape) shape = shapeOf(content, file)
    else if (number === BLOB.data || number === BLOB.doubles) {
      type = number === BLOB.data ? 'float32' : 'float64'
      numbers.set(content, length)
      length += content.length
    }
  }
  const dimensions = shape ?? legacy
  const count = elementCount(dimensions)
  if (count === null || count * BYTES[type] !== length) {
    throw damaged(file, `it holds ${length} bytes of ${type} for the shape [${dimensions}]`)
  }
  return { shape: dimensions, data: decodeElements(type, numbers.subarray(0, length)) }
}

function shapeOf(bytes: Uint8Array, file: string): number[] {
  const shape: number[] = []
  for (const field of fieldsOf(bytes, file)) {
    if (field.bytes.length <= MOST_PARTS) shape.push(...wholeNumbers(field, file))
    if (field.bytes.length > MOST_PARTS || shape.length > 8)
      throw damaged(file, 'a shape in it has more than 8 dimensions')
  }
  return shape
}

/** The operations; the tensors of those that have some go to `tensors`. */
function graphOf(layers: readonly CaffeLayer[], tensors: Map<string, Tensor>, file: string): GraphNode[] {
  const refuse = (why: string): DenseNetError => new DenseNetError(`${file} ${why}`)
  const nodes: GraphNode[] = []
  // Who made what goes by a name last: a layer may write where it reads.
  const makers = new Map<string, number>()
  const add = (name: string, fields: readonly (readonly [field: string, tensor: Tensor | undefined])[]): void => {
    for (const [field, tensor] of fields) {
      if (tensor === undefined) continue
      if (tensors.has(`${name}.${field}`)) throw refuse(`holds two layers ${name}`)
      tensors.set(`${name}.${field}`, tensor)
    }
  }
  for (const layer of layers) {
    const { name, type, bottoms, tops, blobs } = layer
    const inputs = bottoms.map(bottom => makers.get(bottom) ?? -1)
    if (type === 'Scale') {
      const norm = nodes[inputs[0] ?? -1]
      if (norm?.op !== 'norm') throw refuse(`has a layer ${name} that scales what is no batch norm's`)
      scale(tensors, norm.name, blobs, refuse)
      for (const top of tops) makers.set(top, inputs[0]!)
      continue
    }
    const node = nodeOf(layer, inputs, file)
    if (node === null) throw refuse(`has a layer ${name} of the type ${type}, which no DenseNet of ours has`)
    if (node.op === 'norm') add(name, normTensors(blobs, name, refuse))
    else if (node.op === 'convolution' || node.op === 'linear') {
      const [weight, bias] = blobs
      if (weight === undefined) throw refuse(`has no numbers for its layer ${name}`)
      add(name, [
        ['weight', node.op === 'linear' ? { ...weight, shape: weight.shape.slice(-2) } : weight],
        ['bias', bias && flat(bias)],
      ])
    }
    for (const top of tops) makers.set(top, nodes.length)
    nodes.push(node)
  }
  return nodes
}

function nodeOf({ name, type, settings }: CaffeLayer, inputs: number[], file: string): GraphNode | null {
  const numbers = (field: number): Settings => settingsOf(settings.get(field) ?? NO_BYTES, file)
  if (type === 'Convolution') {
    const given = numbers(LAYER.convolution)
    const window = windowOf(given, { size: [4, 11, 12], stride: [6, 13, 14], padding: [3, 9, 10] })
    return { op: 'convolution', name, inputs, window }
  }
  if (type === 'Pooling') {
    const given = numbers(LAYER.pooling)
    const kinds = { 0: 'maxPool', 1: 'averagePool' } as const
    const op = kinds[whole(given, 1, 0) as 0]
    if (op === undefined) return null
    const window = windowOf(given, { size: [2, 5, 6], stride: [3, 7, 8], padding: [4, 9, 10] })
    // Pools round up. What is written to have it otherwise is round_mode 1 (FLOOR) or, in forks, ceil_mode 0: one field.
    return { op, name, inputs, window: whole(given, 12, 0) === 1 ? null : window, ceil: !given.has(13) }
  }
  if (type === 'BatchNorm') {
    const epsilon = numbers(LAYER.batchNorm).get(3)
    return { op: 'norm', name, inputs, epsilon: epsilon ? shortest(floatOf(epsilon)) : EPSILON }
  }
  if (type === 'ReLU') {
    const slope = numbers(LAYER.relu).get(1)
    return slope && floatOf(slope) !== 0 ? null : { op: 'relu', name, inputs }
  }
  if (type === 'InnerProduct') {
    return whole(numbers(LAYER.innerProduct), 6, 0) === 1 ? null : { op: 'linear', name, inputs }
  }
  if (type === 'Concat') return { op: 'concat', name, inputs }
  return NOTHING.test(type) ? { op: 'nothing', name, inputs } : null
}

/** The last field of each number, which is the one that counts. */
type Settings = ReadonlyMap<number, Field>

function settingsOf(bytes: Uint8Array, file: string): Settings {
  const settings = new Map<number, Field>()
  for (const field of fieldsOf(bytes, file)) if (settings.size <= MOST_PARTS) settings.set(field.number, field)
  return settings
}

/** The first of a field's whole numbers: of heights and widths, both have the same. */
function whole(settings: Settings, field: number, otherwise: number): number {
  const found = settings.get(field)
  return found === undefined ? otherwise : (wholeNumbers({ ...found, bytes: found.bytes.subarray(0, 1) }, '')[0] ?? 0)
}

interface WindowFields {
  readonly size: readonly number[]
  readonly stride: readonly number[]
  readonly padding: readonly number[]
}

/** Fields: of both directions, of the height, of the width. */
function windowOf(settings: Settings, { size, stride, padding }: WindowFields) {
  const of = ([both, height]: readonly number[], otherwise: number): number =>
    whole(settings, both!, whole(settings, height!, otherwise))
  return { size: of(size, 1), stride: of(stride, 1), padding: of(padding, 0) }
}

/** 0.00001 was kept as the float32 nearest to it. */
const shortest = (value: number): number => Number(value.toPrecision(7))

const flat = ({ shape, data }: Tensor): Tensor => ({ shape: shape.length === 1 ? shape : [data.length], data })

/** Sums of means and variances, and how many were summed. Without a Scale behind it, a norm only normalises. */
function normTensors(blobs: readonly Tensor[], name: string, refuse: (why: string) => DenseNetError) {
  const [mean, variance, factor] = blobs
  if (mean === undefined || variance === undefined || factor?.data.length !== 1) {
    throw refuse(`holds ${blobs.length} lists of numbers for its batch norm ${name}, which has three`)
  }
  const times = Number(factor.data[0])
  const divided = ({ data }: Tensor): Tensor => {
    const values = Float32Array.from(data as Float32Array, value => (times === 0 ? 0 : value / times))
    return { shape: [data.length], data: values }
  }
  const all = (value: number): Tensor => ({
    shape: [mean.data.length],
    data: new Float32Array(mean.data.length).fill(value),
  })
  return [
    ['weight', all(1)],
    ['bias', all(0)],
    ['running_mean', divided(mean)],
    ['running_var', divided(variance)],
  ] as const
}

/** A Scale's factors and offsets are those of the batch norm before it. */
function scale(
  tensors: Map<string, Tensor>,
  norm: string,
  [gamma, beta]: readonly Tensor[],
  refuse: (why: string) => DenseNetError,
): void {
  const { data } = tensors.get(`${norm}.weight`)!
  if (gamma?.data.length !== data.length || data.some(value => value !== 1)) {
    throw refuse(`scales its batch norm ${norm} twice, or with numbers that do not fit`)
  }
  tensors.set(`${norm}.weight`, flat(gamma))
  if (beta) tensors.set(`${norm}.bias`, flat(beta))
}

/** What is done to pixels, where the network begins with a layer of data that says so. */
function transformOf(layers: readonly CaffeLayer[], file: string): WeightFile['facts'] {
  const given = layers.find(({ settings }) => settings.has(LAYER.transform))?.settings.get(LAYER.transform)
  if (given === undefined) return {}
  const mean: number[] = []
  let [deviation, meanFile] = [1, false]
  for (const field of fieldsOf(given, file)) {
    if (field.number === TRANSFORM.mean && mean.length < MOST_PARTS) mean.push(floatOf(field))
    if (field.number === TRANSFORM.scale) deviation = 1 / floatOf(field)
    if (field.number === TRANSFORM.meanFile) meanFile = true
  }
  if (![...mean, deviation].every(Number.isFinite) || deviation <= 0) throw damaged(file, 'it scales pixels impossibly')
  if (meanFile) return { normalisation: null }
  return mean.length === 0 ? {} : { normalisation: { mean, deviation: mean.map(() => shortest(deviation)) } }
}
