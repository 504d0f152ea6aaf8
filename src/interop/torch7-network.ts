// The layers of a network in a Torch7 file, in the order in which getParameters() strings them together. Containers of
// nn have `modules`; the original's own DenseConnectLayerCustom has net1 and net2 (its `modules` are copies that share their
// tensors). Classes of cudnn and cunn are named as nn's.
import { DenseNetError } from '../errors.js'
import type { Tensor } from './tensor.js'
import { isTensor, Torch7Object, type Torch7Value } from './torch7.js'
import type { LayerInFile } from './weight-file.js'

export interface Torch7Network {
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly layers: readonly LayerInFile[]
  readonly bnEpsilon: number
}

const EPSILON = 1e-5
const DEEPEST = 50

/** `value`: what the file holds, a module or a table with one as its `model`. */
export function torch7Network(value: Torch7Value, file: string): Torch7Network {
  const model = value instanceof Map ? (value.get('model') ?? null) : value
  if (!(model instanceof Torch7Object)) {
    throw new DenseNetError(`${file} holds no network: a module of nn is looked for`)
  }
  const tensors = new Map<string, Tensor>()
  const layers: LayerInFile[] = []
  const epsilons = new Set<number>()
  walk(model, [], file, (module, path) => {
    const name = path.join('.')
    const kind = kindOf(module.className)
    if (kind === null) {
      if (isTensor(module.get('weight'))) {
        throw new DenseNetError(`${file}: ${name} is a ${module.className}, which no DenseNet of ours has`)
      }
      return
    }
    layers.push({ name, kind })
    if (kind === 'norm') epsilons.add(numberOr(module.get('eps'), EPSILON))
    for (const field of ['weight', 'bias', 'running_mean', 'running_var']) {
      const tensor = module.get(field)
      if (isTensor(tensor) && tensor.data.length > 0) {
        tensors.set(`${name}.${field}`, kind === 'convolution' && field === 'weight' ? filters(module, tensor) : tensor)
      }
    }
  })
  if (epsilons.size > 1) {
    throw new DenseNetError(`${file} has batch norms with different epsilons: ${[...epsilons].join(', ')}`)
  }
  return { tensors, layers, bnEpsilon: [...epsilons][0] ?? EPSILON }
}

function walk(
  module: Torch7Object,
  path: readonly (string | number)[],
  file: string,
  visit: (leaf: Torch7Object, path: readonly (string | number)[]) => void,
): void {
  if (path.length > DEEPEST) throw new DenseNetError(`${file} holds modules nested more than ${DEEPEST} deep`)
  const children: [string | number, Torch7Value][] = []
  const modules = module.get('modules')
  if (module.get('net1') instanceof Torch7Object) {
    children.push(...['net1', 'net2'].map((name): [string, Torch7Value] => [name, module.get(name)]))
  } else if (modules instanceof Map) {
    // The copies of a DataParallelTable are all the same.
    const count = module.className === 'nn.DataParallelTable' ? 1 : modules.size
    for (let i = 1; i <= count; i++) children.push([i, modules.get(i) ?? null])
  }
  if (children.length === 0) visit(module, path)
  for (const [name, child] of children) {
    if (child instanceof Torch7Object) walk(child, [...path, name], file, visit)
  }
}

function kindOf(className: string): LayerInFile['kind'] | null {
  if (/^(nn|cudnn|cunn)\.SpatialConvolution(MM)?$/.test(className)) return 'convolution'
  if (/^(nn|cudnn)\.SpatialBatchNormalization$/.test(className)) return 'norm'
  return className === 'nn.Linear' ? 'linear' : null
}

const numberOr = (value: Torch7Value, otherwise: number): number => (typeof value === 'number' ? value : otherwise)

/** Old versions of nn keep a convolution's weight as a matrix. */
function filters(module: Torch7Object, tensor: Tensor): Tensor {
  if (tensor.shape.length !== 2) return tensor
  const [height, width] = [numberOr(module.get('kH'), 1), numberOr(module.get('kW'), 1)]
  const [out, rest] = tensor.shape as [number, number]
  return rest % (height * width) === 0 ? { ...tensor, shape: [out, rest / (height * width), height, width] } : tensor
}
