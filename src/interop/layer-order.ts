// torchvision's names for layers that are known by their order of construction only: a convolution, perhaps the batch
// norm of the ImageNet stem, pairs of batch norm and convolution, a last batch norm, the classifier.
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
  const size = ({ name }: LayerInFile): number => tensors.get(`${name}.weight`)?.shape[2] ?? 0
  const [stem, ...rest] = layers
  if (stem?.kind !== 'convolution') return null
  const names = new Map([[stem.name, 'features.conv0']])
  if (rest[0]?.kind === 'norm' && rest[1]?.kind === 'norm') names.set(rest.shift()!.name, 'features.norm0')
  // The head is told by its shapes (head.ts).
  while (rest.at(-1)?.kind === 'linear') rest.pop()
  if (rest.at(-1)?.kind !== 'norm') return null
  names.set(rest.pop()!.name, 'features.norm5')

  const pairs: { norm: LayerInFile; convolution: LayerInFile; size: number }[] = []
  for (let i = 0; i < rest.length; i += 2) {
    const [norm, convolution] = [rest[i]!, rest[i + 1]]
    if (norm.kind !== 'norm' || convolution?.kind !== 'convolution') return null
    pairs.push({ norm, convolution, size: size(convolution) })
  }
  const bottleneck = pairs[0]?.size === 1
  let [block, layer] = [1, 0]
  for (let i = 0; i < pairs.length; i++) {
    const pair = pairs[i]!
    const inBlock = bottleneck ? pair.size === 1 && pairs[i + 1]?.size === 3 : pair.size === 3
    if (!inBlock) {
      names.set(pair.norm.name, `features.transition${block}.norm`)
      names.set(pair.convolution.name, `features.transition${block}.conv`)
      ;[block, layer] = [block + 1, 0]
      continue
    }
    const name = `features.denseblock${block}.denselayer${++layer}`
    for (const [j, { norm, convolution }] of pairs.slice(i, i + (bottleneck ? 2 : 1)).entries()) {
      names.set(norm.name, `${name}.norm${j + 1}`)
      names.set(convolution.name, `${name}.conv${j + 1}`)
    }
    if (bottleneck) i++
  }
  return names
}
