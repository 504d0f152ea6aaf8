// From the shapes of weights under torchvision's names to the network they belong to.
import { DenseNetError } from '../errors.js'
import { type CeilPools, type DenseNetConfig, resolveConfig } from '../model/config.js'
import type { Tensor } from './tensor.js'

/** What shapes do not tell. */
export interface Unknown {
  readonly height?: number | undefined
  readonly width?: number | undefined
  readonly bnEpsilon?: number | undefined
}

/** The configuration; `path` is for messages. Throws a sentence when the shapes are no DenseNet's that can be run here. */
export function inferConfig(
  tensors: ReadonlyMap<string, Tensor>,
  unknown: Unknown & { readonly ceilPools?: CeilPools | undefined },
  path: string,
): DenseNetConfig {
  const refuse: Refuse = why => new DenseNetError(`${path} is no DenseNet that can be run here: ${why}`)
  const shape: ShapeOf = (name, dimensions) => {
    const found = tensors.get(name)?.shape
    if (found === undefined) throw refuse(`${name} is missing`)
    if (found.length !== dimensions) throw refuse(`${name} has shape [${found}], ${dimensions} dimensions are expected`)
    return found
  }
  if (tensors.has('features.conv1.weight')) throw refuse('its stem has several convolutions (features.conv1)')
  const [initialChannels, inputChannels, size] = shape('features.conv0.weight', 4) as [number, number, number]
  if (size !== 3 && size !== 7) throw refuse(`its first convolution is ${size} x ${size}; 3 x 3 and 7 x 7 are known`)
  if (tensors.has('features.transitiondown1.conv.weight')) return fcConfig(tensors, unknown, shape, refuse)
  const stem = size === 7 ? 'imagenet' : 'cifar'
  if (tensors.has('features.norm0.weight') !== (stem === 'imagenet')) {
    throw refuse(`its ${size} x ${size} stem comes ${stem === 'imagenet' ? 'without' : 'with'} a batch norm`)
  }
  const blocks = countLayers(tensors, refuse)
  const first = 'features.denseblock1.denselayer1'
  const bottleneck = tensors.has(`${first}.conv2.weight`)
  const growthRate = shape(`${first}.conv${bottleneck ? 2 : 1}.weight`, 4)[0]!
  const width = shape(`${first}.conv1.weight`, 4)[0]!
  if (bottleneck && width % growthRate !== 0) {
    throw refuse(`its bottlenecks have ${width} channels, no multiple of the growth rate ${growthRate}`)
  }
  const transitions = blocks.slice(1).map((_, i) => {
    const [out, channels] = shape(`features.transition${i + 1}.conv.weight`, 4) as [number, number]
    return { channels, out }
  })
  const classifier = tensors.get('classifier.weight')?.shape
  return resolveConfig({
    blocks,
    growthRate,
    bottleneck,
    bottleneckWidth: bottleneck ? width / growthRate : 4,
    reduction: reductionOf(transitions, refuse),
    initialChannels,
    inputChannels,
    // Without a classifier there are none; a network of ours has at least one.
    classes: classifier?.[0] ?? 1,
    stem,
    height: unknown.height,
    width: unknown.width,
    bnEpsilon: unknown.bnEpsilon,
    ceilPools: unknown.ceilPools,
  })
}

type Refuse = (why: string) => DenseNetError
type ShapeOf = (name: string, dimensions: number) => readonly number[]

/** PyTorch's: its authors' is 1e-4, which no format of weights can say. */
const TORCH_EPSILON = 1e-5

/** Of an FC-DenseNet. */
function fcConfig(
  tensors: ReadonlyMap<string, Tensor>,
  unknown: Unknown,
  shape: ShapeOf,
  refuse: Refuse,
): DenseNetConfig {
  const [initialChannels, inputChannels, size] = shape('features.conv0.weight', 4) as [number, number, number]
  if (size !== 3) throw refuse(`its first convolution is ${size} x ${size}; an FC-DenseNet's is 3 x 3`)
  const blocks = countLayers(tensors, refuse)
  if (blocks.length % 2 === 0) {
    throw refuse(`it has ${blocks.length} dense blocks, but as many go up as down, with one between them`)
  }
  return resolveConfig({
    family: 'fc-densenet',
    blocks,
    growthRate: shape('features.denseblock1.denselayer1.conv1.weight', 4)[0],
    initialChannels,
    inputChannels,
    classes: shape('classifier.weight', 4)[0],
    height: unknown.height,
    width: unknown.width,
    bnEpsilon: unknown.bnEpsilon ?? TORCH_EPSILON,
  })
}

/** Layers of each block; numbers must not be left out. */
function countLayers(tensors: ReadonlyMap<string, Tensor>, refuse: Refuse): number[] {
  const seen: Set<number>[] = []
  for (const name of tensors.keys()) {
    const found = /^features\.denseblock(\d{1,2})\.denselayer(\d{1,5})\./.exec(name)
    if (!found) continue
    const block = Number(found[1])
    seen[block] ??= new Set()
    seen[block].add(Number(found[2]))
  }
  const blocks: number[] = []
  for (let block = 1; block < Math.max(2, seen.length); block++) {
    const layers = seen[block]
    if (layers === undefined) throw refuse(`it has no dense block ${block}`)
    for (let layer = 1; layer <= layers.size; layer++) {
      if (!layers.has(layer)) throw refuse(`layer ${layer} of dense block ${block} is missing`)
    }
    blocks.push(layers.size)
  }
  return blocks
}

/** The roundest number that makes floor(reduction * channels) what every transition keeps. */
function reductionOf(transitions: readonly { channels: number; out: number }[], refuse: Refuse): number | undefined {
  if (transitions.length === 0) return undefined
  const fits = (reduction: number): boolean =>
    reduction > 0 &&
    reduction <= 1 &&
    transitions.every(({ channels, out }) => Math.floor(channels * reduction) === out)
  const least = Math.max(...transitions.map(({ channels, out }) => out / channels))
  const candidates = [0.5, 1, ...[10, 100, 1000, 1e4, 1e6].map(n => Math.ceil(least * n - 1e-9) / n), least]
  const found = candidates.find(fits)
  if (found !== undefined) return found
  const kept = transitions.map(({ channels, out }) => `${out} of ${channels}`).join(', ')
  throw refuse(`no one reduction keeps what its transitions keep: ${kept} channels`)
}
