// Every file of the fixtures is read, its network inferred, and the logits are its producer's. What does not fit is named.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { DenseNetError } from '../../dist/errors.js'
import { decodeWeights } from '../../dist/interop/decode-weights.js'
import { importWeights } from '../../dist/interop/import-weights.js'
import type { Tensor } from '../../dist/interop/tensor.js'
import type { WeightFile } from '../../dist/interop/weight-file.js'
import { isolatedHdf5 } from '../../dist/networks/hdf5.js'
import {
  fixture,
  fixtureBeside,
  golden,
  images,
  logitsOf,
  ORIGINAL,
  originalImages,
  worstDifference,
} from './fixtures.js'

const read = (name: string): Promise<WeightFile> =>
  decodeWeights(fixture(name), name, { readHdf5: isolatedHdf5, readBeside: fixtureBeside })
const sizeOf = (name: string) => ({ height: golden[name]!.input[2], width: golden[name]!.input[3] })

/** Keras's, Caffe's and MXNet's are of float32. Of float64 are Chainer's and Lasagne's, whose means and variances change here,
 * to float32, and PyTorch's. */
const tolerance = (name: string): number => {
  if (/keras|caffe|mxnet|gluon/.test(name)) return 1e-5
  return /chainer|lasagne/.test(name) ? 1e-7 : 1e-12
}

async function differenceOf(name: string, file: WeightFile, options = {}): Promise<number> {
  const weights = importWeights(file, { ...sizeOf(name), ...options })
  return worstDifference(await logitsOf(weights, images(golden[name]!.input)), golden[name]!.logits)
}

describe("logits are the producer's", () => {
  test.each(Object.keys(golden))('%s', async name => {
    const file = await read(name)
    const { report } = importWeights(file, sizeOf(name))
    // Caffe's classifier is a convolution.
    const reshaped = report.reshaped.filter(text => !text.startsWith('fc6.weight'))
    expect([report.missing, report.unexpected, reshaped]).toEqual([[], [], []])
    const difference = await differenceOf(name, file)
    if (process.env.DENSENET_SHOW_ERRORS) console.log(`${name}: ${difference.toExponential(1)}`)
    expect(difference).toBeLessThan(tolerance(name))
  })

  test.each(['a', 'b'] as const)('of the original program, network %s', async which => {
    const weights = importWeights(await read(ORIGINAL[which].file))
    expect(weights.config).toMatchObject({ blocks: [3, 3, 3], growthRate: 12, bottleneck: true, reduction: 0.5 })
    const { logits } = ORIGINAL[which]
    expect(worstDifference(await logitsOf(weights, originalImages(which)), logits)).toBeLessThan(1e-12)
  })
})

describe('what shapes do not show', () => {
  test('the order of channels: without the permutation kuangliu’s logits are others', async () => {
    const file = await read('kuangliu.pth')
    const asBamos = new Map([...file.tensors].map(([name, tensor]) => [bamosName(name), tensor]))
    expect(await differenceOf('kuangliu.pth', { ...file, tensors: asBamos })).toBeGreaterThan(0.05)
  })
  test('a mixture of names whose order nobody knows is refused', async () => {
    const file = await read('kuangliu.pth')
    const tensors = new Map(
      [...file.tensors].map(([name, tensor]) => [
        name.replace('linear', 'fc').replace('module.bn.', 'module.bn1.'),
        tensor,
      ]),
    )
    expect(() => importWeights({ ...file, tensors })).toThrow(/features.transition1.conv.weight is missing/)
  })
  const bamosName = (name: string): string =>
    name
      .replace(/trans(\d)\.(bn|conv)\./, 'trans$1.$21.')
      .replace('module.bn.', 'module.bn1.')
      .replace('module.linear.', 'module.fc.')

  test('epsilon: Keras’s with 1e-5 instead of 1.001e-5 is off', async () => {
    const file = await read('keras3.h5')
    expect(importWeights(file).config.bnEpsilon).toBe(1.001e-5)
    expect(await differenceOf('keras3.h5', file, { bnEpsilon: 1e-5 })).toBeGreaterThan(1e-5)
  })

  test('what was assumed is said', async () => {
    const { report, normalisation } = importWeights(await read('published.pth'))
    expect(report.assumed).toEqual([
      'images of 224 x 224 pixels (--size)',
      "batch norm's epsilon is 0.00001 (--bn-epsilon)",
    ])
    expect(normalisation?.mean).toEqual([123.675, 116.28, 103.53])
    expect(importWeights(await read('torchxrayvision.pt')).normalisation).toEqual({
      mean: [127.5],
      deviation: [127.5 / 1024],
    })
    expect(importWeights(await read('kuangliu.pth')).normalisation).toBeNull()
  })

  test('where in the file the weights were, and whose names they have', async () => {
    const facts = async (name: string) => {
      const { format, family, within, unused } = importWeights(await read(name)).report
      return [format, family, within, unused.length]
    }
    expect(await facts('checkpoint.pth.tar')).toEqual(['PyTorch', 'torchvision', 'state_dict.module.', 11])
    expect(await facts('chexnet.pth.tar')).toEqual(['PyTorch', 'torchvision', 'state_dict.module.densenet121.', 0])
    expect(await facts('kuangliu.pth')).toEqual(['PyTorch', 'kuangliu', 'net.module.', 17])
    expect(await facts('published.pth')).toEqual(['PyTorch (old)', 'torchvision', '', 0])
    expect(await facts('keras3-nameless.weights.h5')).toEqual(['Keras', 'order of layers', '', 0])
  })
})

describe('what does not fit is named', () => {
  const changed = async (change: (tensors: Map<string, Tensor>) => void, strict?: boolean) => {
    const file = await read('torchvision.pth')
    const tensors = new Map(file.tensors)
    change(tensors)
    return importWeights({ ...file, tensors }, strict === undefined ? {} : { strict })
  }
  const norm = 'features.denseblock1.denselayer2.norm1'
  const set = (name: string, change: (data: Float32Array) => void) => (tensors: Map<string, Tensor>) => {
    const { shape, data } = tensors.get(name)!
    const copy = Float32Array.from(data as Float32Array)
    change(copy)
    tensors.set(name, { shape, data: copy })
  }
  const shaped =
    (name: string, ...shape: number[]) =>
    (tensors: Map<string, Tensor>) =>
      tensors.set(name, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) })

  test.each<[string, (tensors: Map<string, Tensor>) => void, RegExp]>([
    ['missing', t => t.delete(`${norm}.bias`), /lacks features.denseblock1.denselayer2.norm1.bias/],
    ['unexpected', shaped('head.weight', 3), /holds head.weight, which its network does not have/],
    [
      'misshapen',
      shaped(`${norm}.weight`, 13),
      /norm1.weight has shape \[13\], the network inferred from the others needs \[12\]/,
    ],
    ['NaN', set(`${norm}.weight`, data => data.fill(Number.NaN, 3, 4)), /element 3 of .*norm1.weight is NaN/],
    [
      'infinite',
      set('classifier.bias', data => data.fill(Number.NEGATIVE_INFINITY, 1, 2)),
      /element 1 of classifier.bias is -Infinity/,
    ],
    [
      'a negative variance',
      set(`${norm}.running_var`, data => data.fill(-1, 0, 1)),
      /running_var is the negative variance -1/,
    ],
    [
      'whole numbers',
      t => t.set('classifier.weight', { shape: [5, 16], data: new Int8Array(80) }),
      /classifier.weight holds whole numbers/,
    ],
    [
      'a layer left out',
      t => [...t.keys()].filter(n => n.includes('denseblock2.denselayer1.')).map(n => t.delete(n)),
      /layer 1 of dense block 2 is missing/,
    ],
    ['no classifier', t => t.delete('classifier.weight'), /it has no classifier/],
    ['a stem of 5 x 5', shaped('features.conv0.weight', 8, 3, 5, 5), /first convolution is 5 x 5/],
    ['three dimensions', shaped('features.conv0.weight', 8, 3, 7, 7, 7), /5\b|dimensions are expected/],
    ['a deep stem', shaped('features.conv1.weight', 8, 8, 3, 3), /several convolutions/],
    [
      'a bottleneck of no multiple',
      shaped('features.denseblock1.denselayer1.conv1.weight', 15, 8, 1, 1),
      /15 channels, no multiple/,
    ],
    ['a transition of no reduction', shaped('features.transition1.conv.weight', 17, 16, 1, 1), /no one reduction/],
    [
      'the same twice',
      t => t.set('features.norm5.weight ', t.get('features.norm5.weight')!),
      /holds features.norm5.weight , which/,
    ],
    ['nothing', t => t.clear(), /holds no weights/],
    [
      "nobody's names",
      t => {
        const all = [...t]
        t.clear()
        for (const [name, tensor] of all) t.set(name.replaceAll('dense', 'sparse'), tensor)
      },
      /names of nobody that is known/,
    ],
  ])('%s', async (_, change, message) => {
    const importing = changed(change)
    await expect(importing).rejects.toThrow(DenseNetError)
    await expect(importing).rejects.toThrow(message)
  })

  test('without strictness, missing ones are fresh and all is listed', async () => {
    const { report } = await changed(tensors => {
      tensors.delete(`${norm}.bias`)
      shaped('head.weight', 3)(tensors)
    }, false)
    expect(report.missing).toEqual([`${norm}.bias`])
    expect(report.unexpected).toEqual(['head.weight'])
  })

  test('a classifier that was a 1x1 convolution is reshaped, and that is said', async () => {
    const { report, config } = await changed(tensors => {
      tensors.set('classifier.weight', { ...tensors.get('classifier.weight')!, shape: [5, 16, 1, 1] })
    })
    expect(config.classes).toBe(5)
    expect(report.reshaped).toEqual(['classifier.weight [5,16,1,1] as [5,16]'])
  })

  test('timm’s deep stem', async () => {
    await expect(read('blur.safetensors').then(file => importWeights(file))).rejects.toThrow(
      /stem has several convolutions/,
    )
  })
})

test('the fixtures are described, and no others are claimed to be read', () => {
  const readme = readFileSync(new URL('./fixtures/README.md', import.meta.url), 'utf8')
  const families = Object.keys(golden).map(name => name.replace(/[-.].*/, ''))
  for (const name of families) expect(readme).toContain(name)
  const table = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8')
  const rows = [...table.matchAll(/^\| [^|]+ +\| `([^`]+)`/gm)].map(([, name]) => name!)
  const compared = [...Object.keys(golden), ...Object.values(ORIGINAL).map(({ file }) => file)]
  expect(new Set(rows.slice(0, compared.length))).toEqual(new Set(compared))
})
