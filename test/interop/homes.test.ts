// Networks of Caffe, MXNet, Keras, Chainer and Lasagne: what comes with their weights, and what makes them others than they
// seem. Their logits are compared in import.test.ts.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decodeWeights } from '../../dist/interop/decode-weights.js'
import { encodeWeights } from '../../dist/interop/encode-weights.js'
import { graphFacts } from '../../dist/interop/graph.js'
import { importWeights } from '../../dist/interop/import-weights.js'
import type { Tensor } from '../../dist/interop/tensor.js'
import type { WeightFile } from '../../dist/interop/weight-file.js'
import { architecture } from '../../dist/model/architecture.js'
import { readWeights } from '../../dist/networks/weight-files.js'
import { fixture, golden, images, logitsOf, temporaryFolder, unpack, worstDifference } from './fixtures.js'

const folder = temporaryFolder()
const read = (name: string): Promise<WeightFile> => decodeWeights(fixture(name), name)
const size = { height: 36, width: 36 }
const CAFFE = { mean: [123.68, 116.78, 103.94], deviation: [1 / 0.017, 1 / 0.017, 1 / 0.017] }
const differenceOf = async (name: string, file: WeightFile, options = {}): Promise<number> => {
  const { input, logits } = golden[name]!
  const weights = importWeights(file, { height: input[2], width: input[3], ...options })
  return worstDifference(await logitsOf(weights, images(input)), logits)
}

describe('preprocessing', () => {
  test.each(['caffe.caffemodel', 'mxnet-alone.params', 'keras-scale.h5'])('of %s is Caffe’s', async name => {
    const { normalisation, report } = importWeights(await read(name), size)
    expect(normalisation).toEqual(CAFFE)
    expect(report.family).toBe('shicai')
    expect(report.assumed.join()).toContain('reads blue, green, red: it was turned (--colours rgb leaves it)')
  })

  test('is what a layer of data says: without colours turned, in a network for CIFAR', async () => {
    const { normalisation, report } = importWeights(await read('caffe-cifar.caffemodel'), size)
    expect(normalisation).toEqual({ mean: [125, 123, 114], deviation: [128, 128, 128] })
    expect(report.assumed.join()).not.toContain('blue')
  })

  test('of Chainer’s and Lasagne’s is nobody’s', async () => {
    for (const name of ['chainer-t-hanya.npz', 'lasagne.npz']) {
      expect(importWeights(await read(name), size).normalisation).toBeNull()
    }
  })

  test('colours can be told', async () => {
    const file = await read('caffe.caffemodel')
    expect(await differenceOf('caffe.caffemodel', file, { colours: 'rgb' })).toBeGreaterThan(1e-3)
    const torchvision = importWeights(await read('torchvision.pth'), size)
    const turned = importWeights(await read('torchvision.pth'), { ...size, colours: 'bgr' })
    const kernel = (weights: typeof turned, channel: number) =>
      weights.parameters.slice(channel * 49, (channel + 1) * 49)
    expect([0, 1, 2].map(i => kernel(turned, i))).toEqual([2, 1, 0].map(i => kernel(torchvision, i)))
    expect(turned.normalisation).toEqual(torchvision.normalisation)
  })
})

describe('pools', () => {
  test('that round up are in the network, and make maps of other sizes', async () => {
    const { config } = importWeights(await read('mxnet-alone.params'))
    expect(config).toMatchObject({ ceilPools: 'all', height: 224 })
    expect([...new Set(architecture(config).layers.map(({ output }) => output.height))]).toEqual([57, 29, 15, 8, 1])
    expect(importWeights(await read('caffe.caffemodel')).config.ceilPools).toBe('transitions')
    expect(importWeights(await read('gluon.params')).config.ceilPools).toBe('none')
    const odd = await read('caffe-ceil.caffemodel')
    const floor = { ...odd, facts: { ...odd.facts, ceilPools: 'none' as const } }
    expect(await differenceOf('caffe-ceil.caffemodel', floor)).toBeGreaterThan(0.01)
  })

  test('are not lost in a file that cannot say it', async () => {
    const weights = importWeights(await read('mxnet-alone.params'), size)
    const network = { ...weights, classes: [], preprocessing: null }
    for (const to of ['pth', 'safetensors', 'timm'] as const) {
      expect(() => encodeWeights(network, to)).toThrow(
        `${to} files cannot say that pools take the pixels left over, as this network's do with images of 36 x 36`,
      )
    }
    expect(encodeWeights(network, 'onnx')).toBeInstanceOf(Uint8Array)
    // Maps of 111, 56, 28, 14 and 7 pixels.
    expect(encodeWeights(network, 'safetensors', { size: { height: 222, width: 222 } })).toBeInstanceOf(Uint8Array)
  })
})

describe('MXNet', () => {
  test('a symbol beside the weights is read, one of another network is not', async () => {
    const params = unpack('mxnet-fixed-0000.params', folder)
    // Without it gamma is taken, which does not count here.
    const alone = await readWeights(params)
    expect(await differenceOf('mxnet-fixed-0000.params', alone)).toBeGreaterThan(0.01)
    unpack('mxnet-fixed-symbol.json', folder)
    const file = await readWeights(params)
    expect(await differenceOf('mxnet-fixed-0000.params', file)).toBeLessThan(1e-5)
    writeFileSync(join(folder, 'mxnet-fixed-symbol.json'), fixture('gluon-symbol.json'))
    expect(await readWeights(params)).toEqual(alone)
  })

  test('what was assumed without a symbol is said', async () => {
    const { report } = importWeights(await read('mxnet-alone.params'), size)
    expect(report.assumed.join()).toContain("without its -symbol.json: batch norm's epsilon is 0.0001")
  })
})

describe('biases of convolutions', () => {
  test('become a part of the means behind them, in any format', async () => {
    const { report } = importWeights(await read('chainer-t-hanya.npz'), size)
    expect(report.unused.join()).toContain('9 biases of convolutions: the means of the batch norms behind them')

    const plain = await read('torchvision.pth')
    const tensors = new Map<string, Tensor>(plain.tensors)
    for (const [name, { shape }] of plain.tensors) {
      if (shape.length !== 4) continue
      const data = Float32Array.from({ length: shape[0]! }, (_, i) => ((i * 37) % 11) / 10 - 0.5)
      tensors.set(name.replace('.weight', '.bias'), { shape: [shape[0]!], data })
    }
    // With biases, and means that are more by as much: the same network.
    const shifted = shiftedMeans(tensors)
    expect(await differenceOf('torchvision.pth', { ...plain, tensors })).toBeGreaterThan(0.01)
    expect(await differenceOf('torchvision.pth', { ...plain, tensors: shifted })).toBeLessThan(1e-5)
  })

  /** torchvision's network of two blocks of two layers: first width 8, growth rate 4. */
  function shiftedMeans(tensors: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> {
    const result = new Map(tensors)
    const bias = (name: string): number[] => [...(tensors.get(`features.${name}.bias`)!.data as Float32Array)]
    const shift = (norm: string, by: readonly number[]): void => {
      const name = `features.${norm}.running_mean`
      const { shape, data } = tensors.get(name)!
      expect(by).toHaveLength(data.length)
      result.set(name, { shape, data: Float64Array.from(data as Float32Array, (x, i) => x + by[i]!) })
    }
    shift('norm0', bias('conv0'))
    // The stem's norm takes its bias away.
    let maps = Array<number>(8).fill(0)
    for (const block of [1, 2]) {
      for (const layer of [1, 2]) {
        const name = `denseblock${block}.denselayer${layer}`
        shift(`${name}.norm1`, maps)
        shift(`${name}.norm2`, bias(`${name}.conv1`))
        maps = [...maps, ...bias(`${name}.conv2`)]
      }
      if (block === 1) {
        shift('transition1.norm', maps)
        maps = bias('transition1.conv')
      }
    }
    shift('norm5', maps)
    return result
  }
})

describe('operations that a file lists', () => {
  const window = { size: 3, stride: 1, padding: 1 }
  const convolution = (input: number) => ({ op: 'convolution', name: 'c', inputs: [input], window }) as const
  const norm = (input: number, epsilon = 1e-5) => ({ op: 'norm', name: 'n', inputs: [input], epsilon }) as const
  const relu = (input: number) => ({ op: 'relu', name: 'r', inputs: [input] }) as const
  const concat = (...inputs: number[]) => ({ op: 'concat', name: 'x', inputs }) as const
  const layer = (...inputs: number[]) => [convolution(-1), norm(0), relu(1), convolution(2), concat(...inputs)]

  test('show how layers concatenate', () => {
    expect(graphFacts([...layer(0, 3), norm(4), relu(5)], 'x').newestFirst).toBe(false)
    expect(graphFacts([...layer(3, 0), norm(4), relu(5)], 'x').newestFirst).toBe(true)
  })

  test.each<[string, Parameters<typeof graphFacts>[0], RegExp]>([
    [
      'two orders',
      [...layer(0, 3), norm(4), relu(5), convolution(6), concat(7, 4), norm(8), relu(9)],
      /some \[new, old\]/,
    ],
    ['no order', [...layer(0, 3, 1), norm(4), relu(5)], /concatenate in no order/],
    [
      'a stride',
      [{ ...convolution(-1), window: { ...window, stride: 2 } }, norm(0), relu(1)],
      /c is a convolution 3 x 3, stride 2/,
    ],
    [
      'other epsilons',
      [convolution(-1), norm(0), relu(1), norm(2, 1e-3), relu(3)],
      /different epsilons: 0.00001, 0.001/,
    ],
    ['no ReLU', [convolution(-1), norm(0)], /1 batch norms and 0 ReLUs/],
  ])('are refused for %s', (_, nodes, message) => {
    expect(() => graphFacts(nodes, 'x')).toThrow(message)
  })
})
