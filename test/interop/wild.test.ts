// Weights as they are found: averages beside raw ones, no classifier, one under another name, wrappers. What comes out is
// what PyTorch, timm and Keras compute (make_wild.py).
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { DenseNet } from '../../dist/densenet.js'
import { createFeatureExtractor } from '../../dist/engine/features.js'
import { importWeights } from '../../dist/interop/import-weights.js'
import type { PickleValue } from '../../dist/interop/pickle.js'
import { findStateDict } from '../../dist/interop/state-dict.js'
import { TorchStorage, TorchTensor } from '../../dist/interop/torch-globals.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { decodeWeightFile as decodeWeights } from '../../dist/networks/weight-files.js'
import { writeCheckpoint } from '../../dist/runs/checkpoint.js'
import { densenet } from '../cli/run.js'
import { fixture, images, logitsOf, temporaryFolder, unpack, worstDifference } from './fixtures.js'

interface Wild {
  readonly input: readonly [number, number, number, number]
  readonly logits?: readonly (readonly number[])[]
  readonly raw?: readonly (readonly number[])[]
  readonly features?: readonly (readonly number[])[]
}
const golden: Readonly<Record<string, Wild>> = JSON.parse(
  readFileSync(new URL('./fixtures/wild/golden.json', import.meta.url), 'utf8'),
)
const having = (what: 'logits' | 'raw' | 'features') => Object.keys(golden).filter(name => golden[name]![what])
const tolerance = (name: string): number => (/keras/.test(name) ? 1e-5 : 1e-12)
const folder = temporaryFolder()
const path = (name: string): string => unpack(`wild/${name}`, folder)

async function imported(name: string, weights?: 'average' | 'raw') {
  const [, , height, width] = golden[name]!.input
  return importWeights(await decodeWeights(fixture(`wild/${name}`), name, weights), { height, width, weights })
}

describe("logits are the producer's", () => {
  test.each(having('logits'))('%s', async name => {
    const weights = await imported(name)
    const { missing, unexpected, reshaped, headless } = weights.report
    expect([missing, unexpected, reshaped, headless]).toEqual([[], [], [], null])
    const logits = await logitsOf(weights, images(golden[name]!.input))
    expect(worstDifference(logits, golden[name]!.logits!)).toBeLessThan(tolerance(name))
  })
  test.each(having('raw'))('%s, the raw weights', async name => {
    const logits = await logitsOf(await imported(name, 'raw'), images(golden[name]!.input))
    expect(worstDifference(logits, golden[name]!.raw!)).toBeLessThan(tolerance(name))
  })
})

describe("features without a classifier are the producer's", () => {
  test.each(having('features'))('%s', async name => {
    const { config, parameters, running, report } = await imported(name)
    expect([report.missing, report.unexpected]).toEqual([[], []])
    expect(report.headless).toMatch(name === 'head-of-two.pth' ? /has a head of 2 layers/ : /has no classifier$/)
    const backend = createReferenceBackend({ precision: 'float64' })
    const state = { parameters: Float64Array.from(parameters), running: Float64Array.from(running), training: {} }
    const { input, features } = golden[name]!
    const extractor = await createFeatureExtractor(architecture(config), backend, state, { batchSize: input[0] })
    const values = [...(await extractor.run(images(input), input[0]))]
    extractor.dispose()
    backend.dispose()
    const width = features![0]!.length
    const rows = features!.map((_, i) => values.slice(i * width, (i + 1) * width))
    expect(worstDifference(rows, features!)).toBeLessThan(tolerance(name))
  })
})

describe('what was taken is said', () => {
  test.each([
    ['timm-ema.pth.tar', 'the averaged weights; the raw ones are under state_dict (--weights raw)'],
    ['torch-ema.pth', 'the averaged weights; the raw ones are under model (--weights raw)'],
    ['torchvision-reference.pth', 'the averaged weights; the raw ones are under model (--weights raw)'],
    ['lightning-averaging.ckpt', 'the averaged weights; the raw ones are under current_model_state (--weights raw)'],
    ['lightning-module.ckpt', 'the averaged weights; the raw ones are under model. (--weights raw)'],
    ['averaged-model.pth', 'the averaged weights'],
    ['own-classifier.pth', 'its classifier has no bias: zeros'],
  ])('%s', async (name, sentence) => {
    expect((await imported(name)).report.assumed).toContain(sentence)
  })
  test('of names without a prefix beside those with one', async () => {
    const { input, logits, raw } = golden['lightning-module.ckpt']!
    const file = await decodeWeights(fixture('wild/lightning-module.ckpt'), 'flat.ckpt')
    const tensors = new Map([...file.tensors].map(([name, value]) => [name.replace(/^model\./, ''), value]))
    for (const [weights, expected, count] of [
      [undefined, logits, 'no prefix'],
      ['raw', raw, 'ema.'],
    ] as const) {
      const found = importWeights({ ...file, tensors }, { height: 32, width: 32, weights })
      expect(worstDifference(await logitsOf(found, images(input)), expected!)).toBeLessThan(1e-12)
      expect(found.report.unused.join()).toContain(`tensors under ${count}: those of another network`)
    }
  })
  test('and what was left', async () => {
    const { unused } = (await imported('lightning-module.ckpt')).report
    expect(unused).toContain('67 tensors under model.: those of another network')
    expect(unused).toContain('criterion.weight: of the loss, which only training needs')
    const head = (await imported('head-of-two.pth')).report.unused.filter(text => text.includes('classifier'))
    expect(head).toHaveLength(4)
  })
})

describe('averages without names', () => {
  const tensor = (...shape: number[]) => new TorchTensor(new TorchStorage('float32', '0', 9), 0, shape, [1])
  const model = new Map([
    ['a.weight', tensor(2)],
    ['a.running_mean', tensor(2)],
    ['b.weight', tensor(3)],
  ])
  const found = (list: TorchTensor[], weights?: 'raw') =>
    findStateDict(
      new Map<string, PickleValue>([
        ['model', model],
        ['ema', new Map([['shadow_params', list]])],
      ]),
      'x.pth',
      weights,
    )
  test.each([
    ['one too few', [tensor(2)], 1],
    ['one too many', [tensor(2), tensor(3), tensor(3)], 3],
    ['in another order', [tensor(3), tensor(2)], 2],
  ])('are refused: %s', (_, list, count) => {
    expect(() => found(list)).toThrow(
      `x.pth holds averaged weights without names under ema.shadow_params: ${count} that are not the 2 parameters under model in their order and shapes`,
    )
    expect(found(list, 'raw').entries).toEqual(model)
  })
})

describe('names of nobody, by order', () => {
  /** Layers under names that say nothing; `order`: of the tensors. */
  async function anonymous(name: string, order = (names: string[]) => names) {
    const file = await decodeWeights(fixture(name), name)
    const layers = [...new Set([...file.tensors.keys()].map(tensor => tensor.slice(0, tensor.lastIndexOf('.'))))]
    const hidden = (tensor: string): string => {
      const dot = tensor.lastIndexOf('.')
      return `stage.m${layers.indexOf(tensor.slice(0, dot))}${tensor.slice(dot)}`
    }
    const tensors = new Map(order([...file.tensors.keys()]).map(tensor => [hidden(tensor), file.tensors.get(tensor)!]))
    return { ...file, tensors }
  }
  const known: Readonly<Record<string, Wild>> = JSON.parse(
    readFileSync(new URL('./fixtures/golden.json', import.meta.url), 'utf8'),
  )
  const isNorm = (name: string): boolean => /norm|bn/.test(name)
  const normsFirst = (names: string[]) => [...names.filter(isNorm), ...names.filter(name => !isNorm(name))]

  test.each<[string, 'by-order' | 'by-order-newest-first', ((names: string[]) => string[])?]>([
    ['torchvision.pth', 'by-order'],
    ['odd.pth', 'by-order'],
    ['odd.pth', 'by-order', normsFirst],
    ['bamos.pth', 'by-order'],
    ['andreasveit-plain.pth.tar', 'by-order'],
    ['kuangliu.pth', 'by-order-newest-first'],
  ])('%s, %s', async (name, names, order) => {
    const { input, logits } = known[name]!
    const file = await anonymous(name, order)
    const weights = importWeights(file, { height: input[2], width: input[3], names })
    expect(worstDifference(await logitsOf(weights, images(input)), logits!)).toBeLessThan(1e-12)
    const { places, missing, unexpected, assumed } = weights.report
    expect([missing, unexpected]).toEqual([[], []])
    expect(places.find(([, ours]) => ours === 'features.conv0')?.[0]).toMatch(/^stage\.m\d+$/)
    expect(assumed).toContain('tensors stand in the order of the network')
    expect(assumed.join()).toMatch(/layers concatenate \[/)
    expect(() => importWeights(file)).toThrow(/names of nobody/)
  })
  test('another order is refused, and a format that keeps none', async () => {
    const mixed = await anonymous('torchvision.pth', names => [
      ...names.filter(name => !name.includes('transition')),
      ...names.filter(name => name.includes('transition')),
    ])
    expect(() => importWeights(mixed, { names: 'by-order' })).toThrow(/DenseNet|shape/)
    const sorted = await anonymous('timm.safetensors')
    expect(() => importWeights(sorted, { names: 'by-order' })).toThrow(/safetensors files do not keep the order/)
  })
  test('known names are read as such', async () => {
    const { family, places } = importWeights(await decodeWeights(fixture('kuangliu.pth'), 'k'), {
      names: 'by-order',
    }).report
    expect([family, places]).toEqual(['kuangliu', []])
  })
})

describe('refused', () => {
  test('weights that are not there', async () => {
    await expect(imported('averaged-model.pth', 'raw')).rejects.toThrow(/holds no raw weights, only averaged ones/)
    await expect(imported('wrapped.ckpt', 'average')).rejects.toThrow(/holds no averaged weights/)
  })
  test('averages that a checkpoint of ours does not have; of one that has, the raw are others', async () => {
    const file = `${folder}/ours.safetensors`
    const config = resolveConfig({ depth: 10, growthRate: 2, classes: 3 })
    const network = DenseNet.create(config)
    await network.save(file)
    await expect(DenseNet.load(file, { weights: 'average' })).rejects.toThrow(/ours.* holds no averaged weights/)
    const { parameters, running } = network.state
    const training = { average: parameters.map(x => x + 1), averageRunning: running.map(x => x + 2) }
    const rest = { classes: [], normalisation: null, preprocessing: null, dataset: null, recipe: null, progress: null }
    await writeCheckpoint(file, { config, ...rest, state: { parameters, running, training } })
    expect((await DenseNet.load(file, { weights: 'raw' })).state).toEqual({ parameters, running })
    expect((await DenseNet.load(file)).state.parameters).toEqual(training.average)
  })
  test('normalisation of another scale; and of a checkpoint that has its own', async () => {
    const given = (mean: number, deviation: number) => ({
      mean: Array(3).fill(mean),
      deviation: Array(3).fill(deviation),
    })
    const load = (file: string, normalisation: { mean: number[]; deviation: number[] }) =>
      DenseNet.load(file, { normalisation, height: 32, width: 32 })
    const file = path('timm-ema.pth.tar')
    await expect(load(file, given(0.5, 0.25))).rejects.toMatchObject({
      message: expect.stringContaining('expected means from 0 to 255 and deviations above 0 and up to 255'),
      hint: 'these are of values from 0 to 1: multiply them by 255',
    })
    await expect(load(file, given(128, -1))).rejects.toThrow('expected means from 0 to 255')
    const network = await load(file, given(0, 1))
    expect(network.normalisation).toEqual(given(0, 1))
    const own = `${folder}/own.safetensors`
    await network.save(own)
    await expect(load(own, given(128, 64))).rejects.toThrow(`${own} says itself how its images are normalised`)
    await expect(DenseNet.load(own, { bnEpsilon: 0.001 })).rejects.toThrow(
      "says itself that batch norm's epsilon is 0.00001",
    )
    network.normalisation = null
    await network.save(own)
    expect((await load(own, given(128, 64))).normalisation).toEqual(given(128, 64))
  })
  test('several networks', async () => {
    const file = await decodeWeights(fixture('wild/lightning-module.ckpt'), 'two.ckpt')
    const tensors = new Map([...file.tensors].map(([name, value]) => [name.replace('ema.module.', 'teacher.'), value]))
    tensors.delete('ema.n_averaged')
    expect(() => importWeights({ ...file, tensors })).toThrow(
      /two.ckpt holds several networks, under model. and teacher./,
    )
  })
  test('what is beside a network and may be a part of it', async () => {
    const file = await decodeWeights(fixture('wild/wrapped.ckpt'), 'more.ckpt')
    const tensors = new Map(file.tensors).set('attention.scale', { shape: [3], data: new Float32Array(3) })
    expect(() => importWeights({ ...file, tensors })).toThrow(/holds attention.scale, which its network does not have/)
  })
  test('in the API, everything that needs a classifier', async () => {
    const network = await DenseNet.load(path('timm-headless.pth'), { height: 32, width: 32 })
    const reason = /timm-headless.pth has no classifier: \w[\w -]* needs one/
    await expect(network.classify('x.jpg')).rejects.toThrow(reason)
    await expect(network.save('x.safetensors')).rejects.toThrow(reason)
    await expect(network.export('x.onnx')).rejects.toThrow(reason)
    expect(network.summary().rows.at(-1)).toMatchObject({ outChannels: 16, parameters: 32 })
    expect(() => network.withNewClassifier(3).requireClassifier('serving')).not.toThrow()
  })
})

describe('on the command line', () => {
  const synthetic = ['--dataset=synthetic', '--backend=reference', '--loader-threads=0']
  test.each([
    ['test', ['test', 'FILE', ...synthetic]],
    ['classify', ['classify', 'docs/gradcam.png', '--model=FILE']],
    ['serve', ['serve', 'FILE', '--port=0']],
    ['convert', ['convert', 'FILE', 'x.onnx']],
    ['train without --reset-classifier', ['train', '--pretrained=FILE', ...synthetic]],
    ['reuse', ['inspect', 'FILE', 'reuse']],
  ])('a network without a classifier is refused: %s', async (_, args) => {
    const file = path('head-of-two.pth')
    const { code, err } = await densenet(args.map(text => text.replace('FILE', file)))
    expect(err).toMatch(
      /has a head of 2 layers \(classifier.0, classifier.3\), not one linear classifier: .* needs one/,
    )
    expect(err).toMatch(/densenet features\), and a new classifier trained .*--reset-classifier/)
    expect(code).toBe(2)
  })
  test('--reset-classifier trains on it, and features are written', async () => {
    const file = path('timm-headless.pth')
    const few = ['--train-limit=8', '--test-limit=8', '--batch-size=8', '--epochs=1']
    const output = `${folder}/run`
    const trained = await densenet([
      ...['train', `--pretrained=${file}`, '--reset-classifier', ...synthetic, ...few],
      `--output=${output}`,
    ])
    expect([trained.code, trained.err]).toEqual([0, ''])
    expect(trained.out).toContain('has no classifier: features only')
    expect(trained.out).toContain('new classifier: 10 classes')
    expect((await DenseNet.load(output)).config.classes).toBe(10)
    const args = ['features', 'docs/gradcam.png', `--model=${file}`, '--image-size=32', `--output=${folder}/x.npy`]
    const { code, err } = await densenet(args)
    expect([code, err]).toEqual([0, ''])
  })
  test('--weights raw is another network than the default', async () => {
    const file = path('timm-ema.pth.tar')
    const args = ['convert', file, '--size=32']
    expect((await densenet([...args, `${folder}/a.safetensors`])).out).toContain('assumed: the averaged weights')
    expect((await densenet([...args, `${folder}/r.safetensors`, '--weights=raw'])).out).toContain('assumed: the raw')
    const read = (name: string): Buffer => readFileSync(`${folder}/${name}.safetensors`)
    expect(read('a').equals(read('r'))).toBe(false)
  })
})
