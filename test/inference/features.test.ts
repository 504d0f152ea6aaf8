// Features of images and data sets: what the extractor gives (test/engine/features.test.ts holds that to PyTorch), in the
// order of the images; and the files they are written to.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { imageFiles } from '../../dist/data/sets/image-files.js'
import { DenseNet } from '../../dist/densenet.js'
import { writeFeatures } from '../../dist/inference/write-features.js'
import { decodeSafetensors } from '../../dist/interop/safetensors.js'
import { architecture } from '../../dist/model/architecture.js'
import { featureLayers } from '../../dist/model/feature-layers.js'
import { densenet } from '../cli/run.js'
import { relativeError } from '../golden/compare.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const folder = temporaryFolder()
const on = createReferenceBackend()
const path = join(folder, 'tiny.safetensors')
const photos = join(folder, 'photos')
const files = ['a/0.png', 'a/1.png', 'b/2.png', 'b/with, comma.png'].map(name => join(photos, name))
const dataset = tinyDataset('test', 21)
const model = DenseNet.create(TINY, { seed: 5 })
model.normalisation = dataset.normalisation
const layers = featureLayers(architecture(model.config))
const pooled = layers.at(-1)!.channels

beforeAll(async () => {
  await model.save(path)
  for (const [i, file] of files.entries()) {
    mkdirSync(join(file, '..'), { recursive: true })
    const background = { r: 60 * i, g: 40, b: 250 - 60 * i }
    await sharp({ create: { width: 9 + i, height: 11, channels: 3, background } })
      .png()
      .toFile(file)
  }
})

describe('model.features', () => {
  test("pooled features are the classifier's input", async () => {
    const { data, layer, images } = await model.features(dataset, { on, loaderThreads: 0, batchSize: 8 })
    expect([layer.name, images, data.length]).toEqual(['pooled', 21, 21 * pooled])
    const { parameters } = model.state
    const { classes } = model.config
    const weights = parameters.subarray(parameters.length - classes * (pooled + 1))
    const predicted = await model.predict(dataset, { on, loaderThreads: 0 })
    for (let n = 0; n < images; n++) {
      const logits = Array.from({ length: classes }, (_, c) =>
        Array.from({ length: pooled }, (_, i) => weights[c * pooled + i]! * data[n * pooled + i]!).reduce(
          (a, b) => a + b,
          weights[classes * pooled + c]!,
        ),
      )
      const powers = logits.map(Math.exp)
      const sum = powers.reduce((a, b) => a + b)
      const own = predicted.probabilities.subarray(n * classes, (n + 1) * classes)
      expect(
        relativeError(
          powers.map(power => power / sum),
          own,
        ),
      ).toBeLessThan(1e-5)
    }
  })

  test('do not depend on the batch size, for any layer', async () => {
    for (const { name } of layers) {
      const [one, eight] = await Promise.all(
        [1, 8].map(batchSize => model.features(dataset, { on, loaderThreads: 0, layer: name, batchSize })),
      )
      expect(one!.data).toEqual(eight!.data)
    }
  })

  test('of files are those of the same files as a data set, and one image needs no list', async () => {
    const own = DenseNet.create(TINY, { seed: 5 })
    const { train } = await imageFiles(photos, { size: 8 })
    own.normalisation = train.normalisation
    own.preprocessing = train.preprocessing
    const asDataset = await own.features(train, { on, loaderThreads: 0 })
    const asList = await own.features(train.files, { on, batchSize: 2 })
    expect(asList.data).toEqual(asDataset.data)
    const one = await own.features(train.files[0]!, { on })
    expect(one.data).toEqual(asDataset.data.subarray(0, pooled))
  })

  test('an unreadable image is an error, or left out', async () => {
    const given = [files[0]!, join(folder, 'none.png'), Buffer.from('no image'), files[1]!]
    await expect(model.features(given, { on })).rejects.toThrow(`${given[1]} cannot be read: it does not exist`)
    const heard: [number, string][] = []
    const onUnreadable = (index: number, reason: string): unknown => heard.push([index, reason])
    const found = await model.features(given, { on, batchSize: 2, onUnreadable })
    expect([...found.indices]).toEqual([0, 3])
    expect(heard).toEqual([
      [1, 'it does not exist'],
      [2, 'it is no image of a known format'],
    ])
    expect(found.data).toEqual((await model.features([files[0]!, files[1]!], { on })).data)
  })

  test.each<[object, object, string]>([
    [dataset, { layer: 'features.conv9' }, 'the network has no layer "features.conv9" to take features of'],
    [dataset, { batchSize: 0 }, 'expected a whole number of at least 1 for batchSize, got 0'],
    [{ ...dataset, height: 9 }, {}, 'the network reads images of 3 x 8 x 8, those of tiny are 3 x 9 x 8'],
    [dataset, { signal: AbortSignal.abort() }, 'stopped while computing features'],
  ])('%# says what is wrong', async (images, options, message) => {
    await expect(model.features(images as never, { on, loaderThreads: 0, ...options })).rejects.toThrow(message)
  })
})

describe('files', () => {
  const names = ['a.png', 'with, comma.png']
  const labels = ['red', 'green']

  test('.npy with the names beside it', async () => {
    const features = await model.features(files.slice(0, 2), { on })
    const output = join(folder, 'two.npy')
    expect(await writeFeatures(output, features, { names, labels })).toEqual([output, join(folder, 'two.csv')])
    const bytes = readFileSync(output)
    expect(bytes.toString('latin1')).toContain(`'shape': (2, ${pooled}), }`)
    const start = 10 + bytes.readUInt16LE(8)
    expect(new Float32Array(Uint8Array.from(bytes.subarray(start)).buffer)).toEqual(features.data.slice())
    expect(readFileSync(join(folder, 'two.csv'), 'utf8')).toBe(
      'image,label\r\na.png,red\r\n"with, comma.png",green\r\n',
    )
  })

  test('.safetensors, with pixels', async () => {
    const features = await model.features(files.slice(0, 2), { on, layer: 'features.transition1' })
    const output = join(folder, 'two.safetensors')
    await writeFeatures(output, features, { names })
    const { tensors, metadata } = decodeSafetensors(readFileSync(output), output)
    const { channels } = features.layer
    expect(tensors.get('features')).toEqual({ shape: [2, channels, 4, 4], data: features.data.slice() })
    expect(metadata).toEqual({ layer: 'features.transition1', images: JSON.stringify(names) })
  })

  test('.csv brings every number back', async () => {
    const features = await model.features(files.slice(0, 2), { on })
    const output = join(folder, 'two.CSV')
    await writeFeatures(output, features, { names: ['a', 'b'], labels })
    const lines = readFileSync(output, 'utf8').trimEnd().split('\r\n')
    expect(lines[0]).toBe(['image', 'label', ...Array.from({ length: pooled }, (_, i) => `f${i}`)].join())
    const numbers = lines.slice(1).flatMap(line => line.split(',').slice(2).map(Number))
    expect(Float32Array.from(numbers)).toEqual(features.data.slice())
  })
})

describe('densenet features', () => {
  const run = (...args: string[]) => densenet(['features', ...args, '--backend=reference', '--loader-threads=0'])

  test('folders and files, to safetensors', async () => {
    const output = join(folder, 'cli.safetensors')
    const { code, out, err } = await run(photos, files[0]!, '--model', path, '--output', output)
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain(`${output}: pooled of 5 images, 5 x ${pooled}`)
    const { metadata } = decodeSafetensors(readFileSync(output), output)
    expect(JSON.parse(metadata.images!)).toEqual([...files, files[0]])
  })

  test('unreadable files are told, the others are written', async () => {
    const bad = join(folder, 'bad.png')
    writeFileSync(bad, 'no image')
    const output = join(folder, 'some.npy')
    const { code, err, out } = await run(files[1]!, bad, '--json', '--model', path, '--output', output)
    expect([code, err]).toEqual([1, `warning: ${bad}: it is no image of a known format\n`])
    expect(JSON.parse(out)).toMatchObject({ shape: [1, pooled], files: [output, join(folder, 'some.csv')] })
  })

  test.each<[string[], string]>([
    [[], 'which images?'],
    [[photos, '--dataset=synthetic'], 'give either images or --dataset, not both'],
    [[photos, '--layer=relu'], 'the network has no layer "relu" to take features of'],
    [['--dataset=synthetic'], 'the network reads images of 3 x 8 x 8, those of synthetic are 3 x 32 x 32'],
    [[photos, '--output=features.txt'], 'expected a file that ends in .npy, .safetensors, .csv for --output'],
  ])('%j', async (args, message) => {
    const before = readdirSync(folder)
    const { code, err } = await run('--model', path, '--output', join(folder, 'never.npy'), ...args)
    expect(err).toContain(`error: ${message}`)
    expect(err.split('\n').length).toBeLessThan(4)
    expect(code).toBe(2)
    expect(readdirSync(folder)).toEqual(before)
  })

  test('a data set with its labels', async () => {
    const output = join(folder, 'set.csv')
    const net = join(folder, 'synthetic.safetensors')
    await DenseNet.create({ depth: 7, growthRate: 2, initialChannels: 2 }, { seed: 1 }).save(net)
    const { code, err } = await run('--dataset=synthetic', '--split=test', '--model', net, '--output', output)
    expect([code, err]).toEqual([0, ''])
    const lines = readFileSync(output, 'utf8').trimEnd().split('\r\n')
    expect(lines[0]).toBe('image,label,f0,f1,f2,f3,f4,f5,f6,f7')
    expect(lines[1]).toMatch(/^0,\S+,\d/)
  })

  test('densenet summary --layers lists the names', async () => {
    const { out } = await densenet(['summary', 'densenet-121', '--layers', '--json'])
    const names = JSON.parse(out).map(({ name }: { name: string }) => name)
    expect(names.slice(0, 4)).toEqual([
      ...['features.conv0', 'features.relu0', 'features.pool0', 'features.denseblock1.denselayer1'],
    ])
    expect(names.at(-1)).toBe('pooled')
  })
})
