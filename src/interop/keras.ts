// Keras's weights, in any of the three arrangements that versions 2 and 3 write into HDF5:
//   .weights.h5, also inside .keras   layers/conv2d_3/vars/0        classes counted in order of construction
//   a whole model as .h5              model_weights/conv1_bn/conv1_bn/gamma
//   weights only as .h5 (Keras 2)     conv1/bn/conv1/bn/gamma:0
// Kernels are [height][width][in][out], classifiers [in][out]: both are turned into torchvision's layout.
import { DenseNetError } from '../errors.js'
import type { Hdf5Content, Hdf5Dataset } from './hdf5.js'
import { damaged, elementCount, type Tensor } from './tensor.js'
import type { LayerInFile } from './weight-file.js'

/** keras.applications.densenet gives it to every batch norm. */
export const KERAS_EPSILON = 1.001e-5

const NORM = ['weight', 'bias', 'running_mean', 'running_var'] as const
const FIELDS: Readonly<Record<string, string>> = {
  kernel: 'weight',
  bias: 'bias',
  gamma: 'weight',
  beta: 'bias',
  moving_mean: 'running_mean',
  moving_variance: 'running_var',
}

export interface KerasWeights {
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly layers: readonly LayerInFile[] | null
}

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
  return { tensors, layers: constructionOrder(kinds) }
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

/** Keras 2, and whole models of Keras 3: the last part of the path is the weight, what comes before it twice the layer. */
function ofNames(datasets: readonly Hdf5Dataset[], file: string): KerasWeights {
  const tensors = new Map<string, Tensor>()
  for (const dataset of datasets) {
    const parts = dataset.path.replace(/^model_weights\//, '').split('/')
    const weight = parts.pop()!.replace(/:0$/, '')
    if (!Object.hasOwn(FIELDS, weight))
      throw new DenseNetError(`${file} holds ${dataset.path}, which is no weight of a DenseNet`)
    // conv1/bn/conv1/bn, conv1_bn/conv1_bn, or the layers of a model within a model.
    const half = parts.slice(parts.length / 2)
    add(tensors, `${half.join('/')}.${FIELDS[weight]}`, dataset, file)
  }
  return { tensors, layers: null }
}

function add(tensors: Map<string, Tensor>, name: string, dataset: Hdf5Dataset, file: string): void {
  const { path, shape, dtype, data } = dataset
  if (!/f[248]$/.test(dtype)) throw new DenseNetError(`${file}: ${path} holds whole numbers, not weights`)
  if (elementCount(shape) !== data.length) throw damaged(file, `${path} has ${data.length} elements for [${shape}]`)
  if (tensors.has(name)) throw new DenseNetError(`${file} holds ${name} twice`)
  tensors.set(name, turned(shape, data))
}

/** [h][w][in][out] to [out][in][h][w], [in][out] to [out][in]. */
function turned(shape: readonly number[], data: Float64Array): Tensor {
  const values = new Float32Array(data.length)
  if (shape.length !== 2 && shape.length !== 4) {
    values.set(data)
    return { shape, data: values }
  }
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
