// MXNet's weights: .params, a list of arrays and their names (ndarray.cc), and the operations in the -symbol.json that
// belongs to it. Without that, names must tell.
import * as z from 'zod'
import { DenseNetError } from '../errors.js'
import { type GraphNode, graphFacts } from './graph.js'
import { damaged, decodeElements, ELEMENT_TYPES, elementCount, type StoredType, type Tensor } from './tensor.js'
import type { LayerInFile, WeightFile } from './weight-file.js'

type MxnetWeights = Pick<WeightFile, 'tensors' | 'layers' | 'bnEpsilon' | 'facts'>

const LIST_MAGIC = 0x112n
const MAGIC = { v1: 0xf993fac8, v2: 0xf993fac9, v3: 0xf993faca } as const
const TYPES: readonly (StoredType | undefined)[] = ['float32', 'float64', 'float16', 'uint8', 'int32', 'int8', 'int64']
const MOST_DIMENSIONS = 8

export const looksLikeMxnet = (bytes: Uint8Array): boolean =>
  bytes.length >= 16 && new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true) === LIST_MAGIC

/** The name of the file with the operations: model-symbol.json of model-0003.params. */
export const symbolName = (name: string): string => `${name.replace(/(-\d{4})?\.params$/, '')}-symbol.json`

/** `symbol`: the text of the -symbol.json; null: there is none. */
export function readMxnet(bytes: Uint8Array, symbol: string | null, file: string): MxnetWeights {
  const arrays = readArrays(bytes, file)
  // A symbol that reads none of them is another network's.
  return (symbol === null ? null : bySymbol(arrays, symbol, file)) ?? byNames(arrays)
}

/** By name, without the `arg:` and `aux:` of a trained module. */
function readArrays(bytes: Uint8Array, file: string): ReadonlyMap<string, Tensor> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 16
  const take = (length: number): number => {
    if (length > bytes.length - at) throw damaged(file, 'it is cut short')
    at += length
    return at - length
  }
  const uint32 = (): number => view.getUint32(take(4), true)
  const uint64 = (): number => Number(view.getBigUint64(take(8), true))
  /** At least `bytesEach` bytes belong to each. */
  const count = (bytesEach: number): number => {
    const claimed = uint64()
    if (claimed > (bytes.length - at) / bytesEach) throw damaged(file, `it claims ${claimed} arrays`)
    return claimed
  }
  const shapeOf = (dimensions: number, size: () => number): number[] => {
    if (dimensions > MOST_DIMENSIONS) throw damaged(file, `it holds an array of ${dimensions} dimensions`)
    return Array.from({ length: dimensions }, size)
  }
  const readArray = (): Tensor => {
    const magic = uint32()
    if (magic === MAGIC.v2 || magic === MAGIC.v3) {
      // 0: dense.
      if (uint32() !== 0) throw new DenseNetError(`${file} holds a sparse array, which no DenseNet of ours has`)
    }
    const isOld = magic !== MAGIC.v1 && magic !== MAGIC.v2 && magic !== MAGIC.v3
    const shape = isOld ? shapeOf(magic, uint32) : shapeOf(uint32(), uint64)
    if (shape.length === 0) throw damaged(file, 'it holds an array without a shape')
    // What kind of device it was on, and which one.
    take(8)
    const code = uint32()
    const type = TYPES[code]
    if (type === undefined) throw new DenseNetError(`${file} holds an array of the unknown type ${code}`)
    const size = (elementCount(shape) ?? Number.POSITIVE_INFINITY) * ELEMENT_TYPES[type].bytes
    const begin = take(size)
    return { shape, data: decodeElements(type, bytes.subarray(begin, begin + size)) }
  }
  const list = Array.from({ length: count(20) }, readArray)
  const names = Array.from({ length: count(8) }, () => {
    const length = uint64()
    const begin = take(length)
    return new TextDecoder().decode(bytes.subarray(begin, begin + length))
  })
  if (at !== bytes.length) throw damaged(file, `it has ${bytes.length - at} bytes more than its arrays`)
  if (names.length !== list.length) throw damaged(file, `it holds ${list.length} arrays and ${names.length} names`)
  const arrays = new Map<string, Tensor>()
  for (const [i, name] of names.entries()) {
    const plain = name.replace(/^(arg|aux):/, '')
    if (arrays.has(plain)) throw damaged(file, `it holds ${plain} twice`)
    arrays.set(plain, list[i]!)
  }
  return arrays
}

const FIELDS: Readonly<Record<string, string>> = {
  weight: 'weight',
  bias: 'bias',
  gamma: 'weight',
  beta: 'bias',
  moving_mean: 'running_mean',
  moving_var: 'running_var',
  running_mean: 'running_mean',
  running_var: 'running_var',
}
const FIELD = new RegExp(`^(.+)[._](${Object.keys(FIELDS).join('|')})$`)

/** conv0_weight, batchnorm0_gamma; of gluon's own files features.1.gamma. */
function byNames(arrays: ReadonlyMap<string, Tensor>): MxnetWeights {
  const tensors = new Map<string, Tensor>()
  for (const [name, tensor] of arrays) {
    const [, layer, field] = name.length < 1000 ? (FIELD.exec(name) ?? []) : []
    tensors.set(layer === undefined ? name : `${layer}.${FIELDS[field!]}`, tensor)
  }
  const layers = gluonOrder(tensors)
  if (layers !== null) return { tensors, layers, bnEpsilon: GLUON_EPSILON }
  if (!tensors.has('conv2_1_x1.weight')) return { tensors, layers, bnEpsilon: null }
  return { tensors, layers, bnEpsilon: CONVERTED.epsilon, facts: { ceilPools: 'all', assumed: [CONVERTED.said] } }
}

/** Of gluon's batch norms. */
const GLUON_EPSILON = 1e-5
/** What the networks have that were converted from Caffe's (miraclewkf's). */
const CONVERTED = {
  epsilon: 1e-4,
  said: "without its -symbol.json: batch norm's epsilon is 0.0001, and pools take the pixels left over",
}

/** gluon's DenseNet (model_zoo) tells its order by numbers: features.4.0.1.2 in its own files, densenet0_stage1_conv0 and
 * densenet0_conv1 in what it exports. Null: the names are not its. */
function gluonOrder(tensors: ReadonlyMap<string, Tensor>): LayerInFile[] | null {
  const layers = [...new Set([...tensors.keys()].map(name => name.slice(0, Math.max(0, name.lastIndexOf('.')))))]
  const keys = layers.map(layer => {
    if (/^(features(\.\d+)+|output)$/.test(layer)) return layer.replace('output', '~').split('.')
    const found = /^densenet\d+_(?:stage(\d+)_)?(conv|batchnorm|dense)(\d+)$/.exec(layer)
    if (!found) return null
    const [, stage, type, number] = found
    // conv0 and batchnorm0 are the stem's, batchnorm1 and conv1 what is behind stage 1.
    if (type === 'dense') return ['~']
    const first = stage === undefined && number === '0' ? 'conv' : 'batchnorm'
    const place = [number!, type === first ? '0' : '1']
    return stage === undefined ? [number!, '~', ...place] : [stage, '0', ...place]
  })
  if (keys.length === 0 || keys.includes(null)) return null
  const order = layers.map((layer, i) => ({ layer, key: keys[i]! })).sort((a, b) => compare(a.key, b.key))
  return order.map(({ layer }) => ({ name: layer, kind: kindOf(layer, tensors) }))
}

/** Numbers by their value, before anything else. */
function compare(a: readonly string[], b: readonly string[]): number {
  const [x, y] = [a, b].map(key => key.map(part => (/^\d+$/.test(part) ? part.padStart(6, '0') : part)).join('.'))
  return x! < y! ? -1 : 1
}

const kindOf = (layer: string, tensors: ReadonlyMap<string, Tensor>): LayerInFile['kind'] => {
  if (tensors.has(`${layer}.running_mean`)) return 'norm'
  return tensors.get(`${layer}.weight`)?.shape.length === 2 ? 'linear' : 'convolution'
}

const attributes = z.record(z.string(), z.string())
const schema = z.looseObject({
  nodes: z.array(
    z.looseObject({
      op: z.string(),
      name: z.string(),
      inputs: z.array(z.array(z.int().min(0)).min(2)),
      // Their name was another in each of three versions.
      attrs: attributes.optional(),
      attr: attributes.optional(),
      param: attributes.optional(),
    }),
  ),
})
type SymbolNode = z.infer<typeof schema>['nodes'][number]

function bySymbol(arrays: ReadonlyMap<string, Tensor>, symbol: string, file: string): MxnetWeights | null {
  const refuse = (why: string): DenseNetError => new DenseNetError(`${file}: its symbol ${why}`)
  let nodes: readonly SymbolNode[]
  try {
    nodes = schema.parse(JSON.parse(symbol)).nodes
  } catch (cause) {
    throw new DenseNetError(`${file}: its symbol is no network of MXNet's`, { cause })
  }
  const tensors = new Map<string, Tensor>()
  const unused = new Map(arrays)
  // Variables are no operations: places among the operations alone.
  const places: number[] = []
  const graph: GraphNode[] = []
  for (const node of nodes) {
    const { op, name } = node
    places.push(op === 'null' ? -1 : graph.length)
    if (op === 'null') continue
    const sources = node.inputs.map(([from]) => from!)
    if (sources.some(from => from >= places.length - 1)) throw refuse(`has ${name} read what comes after it`)
    const made = operation(
      node,
      sources.map(from => places[from]!),
    )
    if (made === null) throw refuse(`has the operation ${name} (${op}), which no DenseNet of ours has`)
    graph.push(made)
    const fields = TENSORS[made.op] ?? []
    for (const [i, field] of fields.entries()) {
      const variable = nodes[sources[i + 1] ?? -1]?.name ?? ''
      const array = arrays.get(variable)
      if (array !== undefined) tensors.set(`${name}.${field}`, array)
      unused.delete(variable)
    }
    const gamma = tensors.get(`${name}.weight`)
    if (gamma && made.op === 'norm' && isTrue(setting(node, 'fix_gamma', 'True'))) {
      tensors.set(`${name}.weight`, { ...gamma, data: new Float32Array(gamma.data.length).fill(1) })
    }
  }
  if (tensors.size === 0) return null
  for (const [name, array] of unused) tensors.set(name, array)
  const { layers, bnEpsilon, ...facts } = graphFacts(graph, file)
  return { tensors, layers, bnEpsilon, facts }
}

/** What the inputs of an operation but the first are. */
const TENSORS: Readonly<Partial<Record<GraphNode['op'], readonly string[]>>> = {
  convolution: ['weight', 'bias'],
  linear: ['weight', 'bias'],
  norm: ['weight', 'bias', 'running_mean', 'running_var'],
}

const setting = ({ attrs, attr, param }: SymbolNode, name: string, otherwise: string): string =>
  (attrs ?? attr ?? param)?.[name] ?? otherwise

const isTrue = (text: string): boolean => /^(true|1)$/i.test(text)

/** Of "(3, 3)": heights and widths are the same. */
const first = (text: string): number => Number(/\d+/.exec(text)?.[0] ?? Number.NaN)

function operation(node: SymbolNode, inputs: readonly number[]): GraphNode | null {
  const { op, name } = node
  const of = (key: string, otherwise: string): string => setting(node, key, otherwise)
  const window = { size: first(of('kernel', '')), stride: first(of('stride', '1')), padding: first(of('pad', '0')) }
  if (op === 'Convolution') return { op: 'convolution', name, inputs, window }
  if (/^Pooling(_v1)?$/.test(op)) {
    const kind = of('pool_type', 'max')
    if (kind !== 'max' && kind !== 'avg') return null
    const whole = isTrue(of('global_pool', 'False'))
    const ceil = of('pooling_convention', 'valid') === 'full'
    return { op: kind === 'max' ? 'maxPool' : 'averagePool', name, inputs, window: whole ? null : window, ceil }
  }
  if (/^BatchNorm(_v1)?$/.test(op)) return { op: 'norm', name, inputs, epsilon: Number(of('eps', '0.001')) }
  if (op === 'Activation') return of('act_type', '') === 'relu' ? { op: 'relu', name, inputs } : null
  if (op === 'relu') return { op, name, inputs }
  if (op === 'FullyConnected') return { op: 'linear', name, inputs }
  if (op === 'Concat' || op === 'concat') return { op: 'concat', name, inputs }
  return /^(Dropout|Flatten|SoftmaxOutput|softmax|SoftmaxActivation|identity|_copy|Reshape)$/.test(op)
    ? { op: 'nothing', name, inputs }
    : null
}
