// Keras's weights, in any of the arrangements that its versions write into HDF5:
//   .weights.h5, also inside .keras   layers/conv2d_3/vars/0        classes counted in order of construction
//   a whole model as .h5              model_weights/conv1_bn/conv1_bn/gamma
//   weights only as .h5 (Keras 2)     conv1/bn/conv1/bn/gamma:0
//   the same of Keras 1               conv1_bn/conv1_bn_gamma:0     without the :0 where Theano computed
// Kernels are [height][width][in][out], classifiers [in][out]: both are turned into torchvision's layout.
import { DenseNetError } from '../errors.js'
import type { Hdf5Content, Hdf5Dataset } from './hdf5.js'
import { damaged, elementCount, type Tensor, turnKernels } from './tensor.js'
import type { LayerInFile, WeightFile } from './weight-file.js'

/** keras.applications.densenet gives it to every batch norm. */
const EPSILON = 1.001e-5
/** Networks with a layer Scale behind every batch norm, flyyufelix's, have another. */
const EPSILON_BEFORE_SCALE = 1.1e-5

const NORM = ['weight', 'bias', 'running_mean', 'running_var'] as const
const FIELDS: Readonly<Record<string, string>> = {
  kernel: 'weight',
  bias: 'bias',
  gamma: 'weight',
  beta: 'bias',
  moving_mean: 'running_mean',
  moving_variance: 'running_var',
  // Of Keras 1; what it calls a deviation is a variance.
  W: 'weight',
  b: 'bias',
  running_mean: 'running_mean',
  running_std: 'running_var',
}

export type KerasWeights = Pick<WeightFile, 'tensors' | 'layers' | 'bnEpsilon'>

export function kerasWeights({ datasets, names }: Hdf5Content, file: string): KerasWeights {
  const weights = datasets.filter(({ path }) => !/^(optimizer|optimizer_weights|metrics|_optimizer)\b/.test(path))
  const counted = weights.filter(({ path }) => /(^|\/)vars\/\d+$/.test(path))
  return counted.length > 0 ? ofCounters(counted, names, file) : ofNames(weights, file)
}

/** Keras 3: .../batch_normalization_10/vars/0. The layer's own name is an attribute in new versions only. */
function ofCounters(datasets: readonly Hdf5Dataset[], names: Hdf5Content['names'], file: string): KerasWeights {
  const tensors = new Map<string, Tensor>()
  const kinds: Record<LayerInFile['kind'], Map<number, LayerInFile>> = {
    convolution: new Map(),
    norm: new Map(),
    linear: new Map(),
  }
  for (const dataset of datasets) {
    const [, group, counted, index] = /^(.*?([^/]+)\/vars)\/(\d+)$/.exec(dataset.path)!
    const [, className, number] = /^(.*?)(?:_(\d+))?$/.exec(counted!)!
    const kind = Object.hasOwn(KINDS, className!) ? KINDS[className!] : undefined
    if (kind === undefined) {
      // A rate of dropout's random numbers and the like has no weights; anything else has.
      if (/^(seed_generator|dropout|random)/.test(className!)) continue
      throw new DenseNetError(`${file} holds a layer ${counted}, which no DenseNet of ours has`)
    }
    const name = names[group!] ?? counted!
    kinds[kind].set(Number(number ?? 0), { name, kind })
    const field = (kind === 'norm' ? NORM : ['weight', 'bias'])[Number(index)]
    if (field === undefined) throw damaged(file, `${dataset.path} is one weight too many`)
    add(tensors, `${name}.${field}`, dataset, file)
  }
  return { tensors, layers: constructionOrder(kinds), bnEpsilon: EPSILON }
}

const KINDS: Readonly<Record<string, LayerInFile['kind']>> = {
  conv2d: 'convolution',
  batch_normalization: 'norm',
  dense: 'linear',
}

/** conv1, its batch norm, then pairs of batch norm and convolution, the last batch norm, the classifier. */
function constructionOrder(kinds: Record<LayerInFile['kind'], Map<number, LayerInFile>>): LayerInFile[] {
  const sorted = (layers: Map<number, LayerInFile>): LayerInFile[] =>
    [...layers].sort(([a], [b]) => a - b).map(([, layer]) => layer)
  const [convolutions, norms] = [sorted(kinds.convolution), sorted(kinds.norm)]
  const order: LayerInFile[] = []
  for (let i = 0; i < Math.max(convolutions.length, norms.length); i++) {
    const pair = i === 0 ? [convolutions[i], norms[i]] : [norms[i], convolutions[i]]
    order.push(...pair.filter(layer => layer !== undefined))
  }
  return [...order, ...sorted(kinds.linear)]
}

/** Keras 1, 2, and whole models of Keras 3: the last part of the path is the weight, what comes before it the layer, once
 * (Keras 1) or twice. */
function ofNames(datasets: readonly Hdf5Dataset[], file: string): KerasWeights {
  const tensors = new Map<string, Tensor>()
  const kernels = kernelsOf(datasets)
  for (const dataset of datasets) {
    const parts = dataset.path.replace(/^model_weights\//, '').split('/')
    const last = parts.pop()!.replace(/:0$/, '')
    // conv1/bn/conv1/bn, conv1_bn/conv1_bn, or the layers of a model within a model.
    const half = parts.slice(parts.length / 2)
    const ofLayer = `${half.at(-1)}_`
    const weight = last.startsWith(ofLayer) ? last.slice(ofLayer.length) : last
    if (!Object.hasOwn(FIELDS, weight))
      throw new DenseNetError(`${file} holds ${dataset.path}, which is no weight of a DenseNet`)
    add(tensors, `${half.join('/')}.${FIELDS[weight]}`, dataset, file, kernels)
  }
  return { tensors, layers: null, bnEpsilon: mergeScales(tensors) ? EPSILON_BEFORE_SCALE : EPSILON }
}

/** How kernels are kept: `outFirst`, [out][in][height][width]; `turned`, half a turn, as Theano convolves. */
interface Kernels {
  readonly outFirst: boolean
  readonly turned: boolean
}

const USUAL: Kernels = { outFirst: false, turned: false }

/** Only Keras 1 had other kernels than the usual ones; it calls them W. */
function kernelsOf(datasets: readonly Hdf5Dataset[]): Kernels {
  const found = datasets.find(
    ({ path, shape }) => shape.length === 4 && /_W(:0)?$/.test(path) && Math.max(...shape) > 7,
  )
  if (found === undefined) return USUAL
  const [height, width] = found.shape
  return { outFirst: height !== width || height! > 7, turned: !found.path.endsWith(':0') }
}

/** A layer Scale becomes a part of the batch norm before it; whether there was any. */
function mergeScales(tensors: Map<string, Tensor>): boolean {
  const scales = [...tensors.keys()].filter(name => name.endsWith('_scale.weight'))
  for (const name of scales) {
    const [scale, norm] = [name.replace(/\.weight$/, ''), name.replace(/_scale\.weight$/, '_bn')]
    const [gamma, beta] = [tensors.get(`${norm}.weight`), tensors.get(`${norm}.bias`)]
    const [factor, offset] = [tensors.get(name)!, tensors.get(`${scale}.bias`)]
    const all = [gamma, beta, offset]
    if (!gamma || !beta || !offset || all.some(one => one!.data.length !== factor.data.length)) continue
    const times = ({ data }: Tensor) => Float32Array.from(data as Float32Array, (x, i) => x * Number(factor.data[i]))
    const shifted = times(beta).map((x, i) => x + Number(offset.data[i]))
    tensors.set(`${norm}.weight`, { ...gamma, data: times(gamma) })
    tensors.set(`${norm}.bias`, { ...beta, data: shifted })
    tensors.delete(name)
    tensors.delete(`${scale}.bias`)
  }
  return scales.length > 0
}

function add(
  tensors: Map<string, Tensor>,
  name: string,
  dataset: Hdf5Dataset,
  file: string,
  kernels: Kernels = USUAL,
): void {
  const { path, shape, dtype, data } = dataset
  if (!/f[248]$/.test(dtype)) throw new DenseNetError(`${file}: ${path} holds whole numbers, not weights`)
  if (elementCount(shape) !== data.length) throw damaged(file, `${path} has ${data.length} elements for [${shape}]`)
  if (tensors.has(name)) throw new DenseNetError(`${file} holds ${name} twice`)
  tensors.set(name, ours(shape, data, kernels))
}

/** In torchvision's layout. */
function ours(shape: readonly number[], data: Float64Array, { outFirst, turned }: Kernels): Tensor {
  if (shape.length !== 2 && shape.length !== 4) return { shape, data: Float32Array.from(data) }
  const tensor = outFirst && shape.length === 4 ? { shape, data: Float32Array.from(data) } : outsFirst(shape, data)
  if (turned && shape.length === 4) turnKernels(tensor)
  return tensor
}

/** [h][w][in][out] to [out][in][h][w], [in][out] to [out][in]. */
function outsFirst(shape: readonly number[], data: Float64Array): { shape: readonly number[]; data: Float32Array } {
  const values = new Float32Array(data.length)
  const [inputs, outputs] = shape.slice(-2) as [number, number]
  const pixels = shape.slice(0, -2).reduce((a, b) => a * b, 1)
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let i = 0; i < inputs; i++) {
      const from = (pixel * inputs + i) * outputs
      for (let out = 0; out < outputs; out++) values[(out * inputs + i) * pixels + pixel] = data[from + out]!
    }
  }
  return { shape: [outputs, inputs, ...shape.slice(0, -2)], data: values }
}
