// torchvision's names for layers that are known by their order of construction only: a convolution, perhaps the batch
// norm of the ImageNet stem, pairs of batch norm and convolution, a last batch norm, the classifier.
import { architecture } from '../model/architecture.js'
import { resolveConfig } from '../model/config.js'
import type { Tensor } from './tensor.js'
import type { LayerInFile, WeightFile } from './weight-file.js'

/** The layers of a file whose tensors stand in the order of the network (a state dict's is that of definition), or why they
 * cannot be told. Convolutions and batch norms each keep their order; which of the two comes first does not matter. */
export function layersInOrder({ format, tensors }: WeightFile): readonly LayerInFile[] | string {
  if (format !== 'PyTorch' && format !== 'PyTorch (old)') return `${format} files do not keep the order of tensors`
  const kinds: Record<LayerInFile['kind'], LayerInFile[]> = { convolution: [], norm: [], linear: [] }
  for (const [name, { shape }] of tensors) {
    if (!name.endsWith('.weight')) continue
    const layer = name.slice(0, -'.weight'.length)
    if (shape.length === 4) kinds.convolution.push({ name: layer, kind: 'convolution' })
    else if (shape.length === 2) kinds.linear.push({ name: layer, kind: 'linear' })
    else if (tensors.has(`${layer}.running_mean`)) kinds.norm.push({ name: layer, kind: 'norm' })
    else return `${name} belongs to no convolution, batch norm or linear layer`
  }
  const { convolution, norm, linear } = kinds
  const [stem, ...convolutions] = convolution
  // The ImageNet stem has a batch norm more.
  const norms = norm.length === convolution.length + 1 ? norm.slice(1) : norm
  if (stem === undefined || norms.length !== convolution.length) {
    return `${convolution.length} convolutions and ${norm.length} batch norms are no DenseNet's`
  }
  const pairs = convolutions.flatMap((one, i) => [norms[i]!, one])
  const first = norm.length > norms.length ? [norm[0]!] : []
  return [stem, ...first, ...pairs, norms.at(-1)!, ...linear]
}

/** Names by the names in the file; null when the layers are not in the order of a DenseNet. */
export function namesByOrder(
  layers: readonly LayerInFile[],
  tensors: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, string> | null {
  const [, ...sizes] = layers
    .filter(({ kind }) => kind === 'convolution')
    .map(({ name }) => tensors.get(`${name}.weight`)?.shape[2])
  const bottleneck = sizes[0] === 1
  const blocks = [0]
  for (let i = 0; i < sizes.length; i++) {
    const inBlock = bottleneck ? sizes[i] === 1 && sizes[i + 1] === 3 : sizes[i] === 3
    if (inBlock) {
      blocks[blocks.length - 1]!++
      if (bottleneck) i++
    } else blocks.push(0)
  }
  const stem = layers[1]?.kind === 'norm' && layers[2]?.kind === 'norm' ? 'imagenet' : 'cifar'
  const likely = architecture({ ...resolveConfig({ blocks: [1] }), blocks, bottleneck, stem })
  // The head is told by its shapes (head.ts).
  const parts = likely.layers
    .flatMap(layer => layer.parts)
    .filter(({ kind, parameters }) => parameters.length > 0 && kind !== 'linear')
  if (layers.length < parts.length) return null
  if (layers.some(({ kind }, i) => kind !== (parts[i]?.kind ?? 'linear'))) return null
  return new Map(parts.map(({ name }, i) => [layers[i]!.name, name]))
}
