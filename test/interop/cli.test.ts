// Weights from elsewhere on the command line: tested, converted, trained on; and what is said when they do not fit.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InferenceSession } from 'onnxruntime-web'
import { describe, expect, test } from 'vitest'
import { DenseNet } from '../../dist/densenet.js'
import { decodeWeightFile as decodeWeights } from '../../dist/networks/weight-files.js'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'
import { densenet } from '../cli/run.js'
import { fixture, golden, images, logitsOf, temporaryFolder, unpack, worstDifference } from './fixtures.js'

const folder = temporaryFolder()
const kuangliu = unpack('kuangliu.pth', folder)
const torchvision = unpack('torchvision.pth', folder)
const REFERENCE = ['--backend=reference', '--loader-threads=0']

/** A checkpoint folder of the original program. */
const original = join(folder, 'checkpoint_a')
mkdirSync(original)
for (const name of ['latest.t7', 'model_6.t7', 'optimState_6.t7']) unpack(`original/${name}`, original)

describe('densenet test', () => {
  test('of weights says how they were understood, and their errors', async () => {
    const { code, out, err } = await densenet([
      'test',
      kuangliu,
      '--dataset=synthetic',
      '--test-limit=32',
      ...REFERENCE,
    ])
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain(
      'PyTorch, names: kuangliu, under net.module.; DenseNet-BC with 2, 3, 2 layers, growth rate 4, 10 classes',
    )
    expect(out).toContain('87 tensors matched, 0 missing, 0 unexpected')
    expect(out).toContain('unused: 17 counters of training steps')
    expect(out).toContain('assumed: images normalised as is usual for synthetic (--mean, --std)')
    expect(out).toContain("assumed: batch norm's epsilon is 0.00001 (--bn-epsilon)")
    expect(out).toMatch(/loss [\d.]+ {3}error [\d.]+ %/)
  })

  test('of a checkpoint folder of the original program', async () => {
    const { code, out } = await densenet(['test', original, '--dataset=synthetic', '--test-limit=8', ...REFERENCE])
    expect(code).toBe(0)
    expect(out).toContain('Torch7, names: order of layers; DenseNet-BC with 3, 3, 3 layers, growth rate 12, 10 classes')
  })

  test('mean and deviation change the result', async () => {
    const args = ['test', kuangliu, '--dataset=synthetic', '--test-limit=32', '--json', ...REFERENCE]
    const loss = async (...more: string[]) => JSON.parse((await densenet([...args, ...more])).out).loss
    expect(await loss('--mean=0.5,0.5,0.5', '--std=0.5,0.5,0.5')).not.toBe(await loss())
  })

  test.each<[string, string[], RegExp]>([
    [
      'another number of classes',
      [kuangliu, '--dataset=cifar100'],
      /classifies 10 classes, cifar100 has 100\n {7}To train a new classifier: densenet train --pretrained \S+ --reset-classifier --dataset cifar100/,
    ],
    ['other channels', [kuangliu, '--dataset=mnist'], /reads images of 3 x 28 x 28, those of mnist are 1 x 28 x 28/],
    ['no data set', [kuangliu], /does not say which data set it is for\n {7}Give --dataset/],
    [
      'a mean alone',
      [kuangliu, '--dataset=cifar10', '--mean=0.5'],
      /expected as many numbers as for the other of the two for --std/,
    ],
    [
      'a mean of letters',
      [kuangliu, '--dataset=cifar10', '--mean=a'],
      /expected numbers from 0 to 1 with commas between them, such as 0.485,0.456,0.406 for --mean, got "a"/,
    ],
    [
      'a mean of pixels from 0 to 255',
      [kuangliu, '--dataset=cifar10', '--mean=125.3,123,113.9', '--std=63,62.1,66.7'],
      /expected numbers from 0 to 1 .* for --mean, got "125.3,123,113.9"\n {7}Of pixels from 0 to 255 these are --mean 0.4914,0.4824,0.4467/,
    ],
    [
      'a deviation of pixels from 0 to 255',
      [kuangliu, '--dataset=cifar10', '--mean=0.5,0.5,0.5', '--std=63,62.1,66.7'],
      /expected numbers above 0 and up to 1 .* for --std, got "63,62.1,66.7"\n {7}Of pixels from 0 to 255 these are --std 0.2471,0.2435,0.2616/,
    ],
    [
      'an epsilon of 2',
      [kuangliu, '--dataset=cifar10', '--bn-epsilon=2'],
      /expected a number above 0 and up to 1 for --bn-epsilon, got 2/,
    ],
    ['nothing there', ['no.pth', '--dataset=cifar10'], /there is no checkpoint, run folder or file of weights no.pth/],
  ])('refuses %s', async (_, args, message) => {
    const { code, out, err } = await densenet(['test', ...args])
    expect(err).toMatch(message)
    expect([code, out]).toEqual([2, ''])
  })

  test('refuses a hostile file, with exit code 1', async () => {
    const path = join(folder, 'evil.pth')
    const whole = fixture('published.pth')
    const name = Buffer.from('ccollections\nOrderedDict\n')
    const at = whole.indexOf(name)
    writeFileSync(
      path,
      Buffer.concat([whole.subarray(0, at), Buffer.from('cos\nsystem\n'), whole.subarray(at + name.length)]),
    )
    const { code, err } = await densenet(['test', path, '--dataset=cifar10'])
    expect(err).toMatch(
      /error: \S+evil.pth asks for os.system, which a file of weights never needs: nothing was run of it/,
    )
    expect(code).toBe(1)
  })
})

describe('densenet convert', () => {
  const state = async (path: string) => (await DenseNet.load(path)).state

  test.each(['model.pth', 'model.safetensors'])('to %s and back is the same to the bit', async name => {
    const path = join(folder, name)
    const { code, out, err } = await densenet(['convert', kuangliu, path])
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain(`written: ${path}`)
    expect(await state(path)).toEqual(await state(kuangliu))
    // What PyTorch wants besides.
    const { tensors } = await decodeWeights(readFileSync(path), path)
    expect(tensors.get('features.norm5.num_batches_tracked')).toEqual({ shape: [], data: BigInt64Array.of(0n) })
  })

  test('to a folder of timm’s, which tells size and classes again', async () => {
    const path = join(folder, 'timm')
    const { code } = await densenet(['convert', torchvision, path, '--to=timm', '--size=64x48'])
    expect(code).toBe(0)
    const config = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'))
    expect(config).toMatchObject({
      architecture: 'densenet121',
      num_classes: 5,
      num_features: 16,
      model_args: { growth_rate: 4, block_config: [2, 2], bn_size: 4 },
      pretrained_cfg: { input_size: [3, 64, 48], mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    })
    const again = await DenseNet.load(path)
    expect([again.config.height, again.config.width]).toEqual([64, 48])
    expect(again.state).toEqual(await state(torchvision))
  })

  test('to a folder of transformers.js’s', async () => {
    const path = join(folder, 'transformers')
    const { code } = await densenet(['convert', torchvision, path, '--to=transformers.js'])
    expect(code).toBe(0)
    const json = (name: string) => JSON.parse(readFileSync(join(path, name), 'utf8'))
    expect(json('config.json')).toMatchObject({ model_type: 'resnet', id2label: { 0: 'class 0', 4: 'class 4' } })
    expect(json('preprocessor_config.json')).toMatchObject({
      size: { shortest_edge: 256 },
      crop_size: { height: 224, width: 224 },
      image_std: [0.229, 0.224, 0.225],
    })
    expect(readdirSync(join(path, 'onnx')).sort()).toEqual(['model.onnx', 'model_fp16.onnx', 'model_quantized.onnx'])
    for (const name of readdirSync(join(path, 'onnx'))) {
      const session = await InferenceSession.create(join(path, 'onnx', name))
      expect([session.inputNames, session.outputNames]).toEqual([['pixel_values'], ['logits']])
      await session.release()
    }
  })

  test('Keras’s epsilon becomes a part of the variances: PyTorch has no place for it', async () => {
    const keras = unpack('keras3.h5', folder)
    const path = join(folder, 'keras.pth')
    expect((await densenet(['convert', keras, path, '--size=32'])).code).toBe(0)
    const network = await DenseNet.load(path, { height: 32, width: 32 })
    expect(network.config.bnEpsilon).toBe(1e-5)
    const { input, logits } = golden['keras3.h5']!
    const ours = await logitsOf({ config: network.config, ...network.state }, images(input))
    expect(worstDifference(ours, logits)).toBeLessThan(1e-6)
  })

  test('--json', async () => {
    const { out } = await densenet(['convert', torchvision, join(folder, 'j.onnx'), '--json'])
    expect(JSON.parse(out)).toMatchObject({
      format: 'onnx',
      report: { format: 'PyTorch', missing: [], unexpected: [] },
    })
  })

  test.each<[string, string[], number, RegExp]>([
    [
      'an unknown ending',
      [kuangliu, 'x.bin'],
      2,
      /the ending of x.bin names no format\n {7}\.safetensors, \.pth or \.onnx, or --to with one of/,
    ],
    [
      'an unknown format',
      [kuangliu, 'x.bin', '--to=caffe'],
      2,
      /expected one of safetensors, timm, pth, onnx, transformers.js for --to, got "caffe"/,
    ],
    [
      'half precision elsewhere',
      [kuangliu, join(folder, 'x.pth'), '--precision=float16'],
      2,
      /pth files are written in float32; --precision is for onnx/,
    ],
    ['a folder that is there', [torchvision, folder, '--to=timm'], 2, /exists already/],
    [
      'what timm cannot build',
      [kuangliu, join(folder, 'y'), '--to=timm'],
      1,
      /timm has no such network: in its DenseNets the stem is a 7 x 7 convolution/,
    ],
    [
      'images that transformers.js knows nothing of',
      [kuangliu, join(folder, 'y'), '--to=transformers.js'],
      1,
      /needs mean and deviation .*\n {7}Give --mean and --std/,
    ],
    ['its own input', [kuangliu, kuangliu], 2, /cannot be read and written at once/],
    [
      'a size of letters',
      [kuangliu, 'x.onnx', '--size=big'],
      2,
      /expected pixels such as 224x224 for --size, got "big"/,
    ],
    [
      'a folder that is not there',
      [kuangliu, join(folder, 'no', 'x.pth')],
      1,
      /a file or folder is missing while writing/,
    ],
  ])('refuses %s', async (_, args, exit, message) => {
    const { code, err } = await densenet(['convert', ...args])
    expect(err).toMatch(message)
    expect(code).toBe(exit)
    expect(existsSync(join(folder, 'y'))).toBe(false)
    expect(readdirSync(folder).filter(name => name.endsWith('.tmp'))).toEqual([])
  })
})

describe('densenet train', () => {
  const small = ['--dataset=synthetic', '--train-limit=16', '--test-limit=8', '--batch-size=8', ...REFERENCE]

  test('--pretrained begins with the weights', async () => {
    const output = join(folder, 'fine')
    const args = ['train', `--pretrained=${kuangliu}`, ...small, '--epochs=1', '--lr=1e-12', `--output=${output}`]
    const { code, err } = await densenet(args)
    expect([code, err]).toEqual([0, ''])
    const before = (await state(kuangliu)).parameters
    const after = (await state(output)).parameters
    expect(Math.max(...after.map((x, i) => Math.abs(x - before[i]!)))).toBeLessThan(1e-6)
  })

  test("--pretrained beside a network that is the weights'; dropout is training's", async () => {
    const output = join(folder, 'described')
    const same = ['--blocks=2,3,2', '--growth-rate=4', '--bottleneck', '--drop-rate=0.2']
    const args = ['train', ...same, `--pretrained=${kuangliu}`, ...small, '--epochs=1', `--output=${output}`]
    const { code, err } = await densenet(args)
    expect([code, err]).toEqual([0, ''])
    expect((await readCheckpoint(join(output, 'last.safetensors'))).config.dropRate).toBe(0.2)
  })

  test('--reset-classifier makes a new one for the data set', async () => {
    const output = join(folder, 'reset')
    const args = [
      'train',
      `--pretrained=${torchvision}`,
      '--reset-classifier',
      ...small,
      '--epochs=1',
      `--output=${output}`,
    ]
    const { code, out } = await densenet(args)
    expect(code).toBe(0)
    expect(out).toContain('new classifier: 10 classes instead of 5')
    expect((await DenseNet.load(output)).config.classes).toBe(10)
  })

  test('--resume goes on with a run of the original program, with its momentum', async () => {
    const output = join(folder, 'resumed')
    const args = [
      'train',
      `--resume=${original}`,
      ...small,
      '--epochs=7',
      '--lr=1e-12',
      '--weight-decay=0',
      '--momentum=0.5',
    ]
    const { code, out, err } = await densenet([...args, `--output=${output}`])
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain('6 epochs done')
    expect(out).toContain('epoch 7/7')
    const { progress, recipe } = await readCheckpoint(join(output, 'last.safetensors'))
    expect(progress).toMatchObject({ epoch: 8, nextBatch: 0, step: 14 })
    expect(recipe).toMatchObject({ nesterov: true, momentum: 0.5, epochs: 7 })
  })

  test.each<[string, string[], RegExp]>([
    [
      "a network that is not the weights'",
      ['densenet-40-12', `--pretrained=${kuangliu}`, '--dataset=synthetic'],
      /holds DenseNet-BC with 2, 3, 2 layers, growth rate 4, .*not DenseNet with 12, 12, 12 layers, growth rate 12/,
    ],
    [
      "a network that is not the original program's",
      [`--resume=${original}`, '--depth=40', '--dataset=synthetic'],
      /holds DenseNet-BC with 3, 3, 3 layers, growth rate 12, .*not DenseNet with 12, 12, 12 layers/,
    ],
    [
      "the original program's folder for its own run",
      [`--resume=${original}`, `--output=${original}`, '--dataset=synthetic'],
      /is the original program's own\n {7}Choose another folder/,
    ],
    [
      'epochs that are over',
      ['--depth=40', ...small, '--epochs=3', '--first-epoch=4'],
      /to begin with epoch 4 leaves nothing to do of 3 epochs/,
    ],
    ['a first epoch of a run', ['--resume=a', '--first-epoch=4'], /give either --first-epoch or --resume, not both/],
    ['another number of classes', ['--depth=40', ...small, '--classes=4'], /synthetic has 10 classes, not 4/],
    ['--reset-classifier alone', ['densenet-40-12', '--reset-classifier'], /--reset-classifier needs --pretrained/],
    ['other classes', [`--pretrained=${torchvision}`, '--dataset=synthetic'], /classifies 5 classes, synthetic has 10/],
    [
      'a run and weights',
      [`--pretrained=${kuangliu}`, '--resume=runs/a'],
      /give either --pretrained or --resume, not both/,
    ],
    [
      'nothing to do',
      [`--resume=${original}`, '--dataset=synthetic', '--epochs=6'],
      /has made 6 epochs already; --epochs 6 leaves nothing to do/,
    ],
  ])('refuses %s', async (_, args, message) => {
    const { code, err } = await densenet(['train', ...args])
    expect(err).toMatch(message)
    expect(code).toBe(2)
  })
  const state = async (path: string) => (await DenseNet.load(path)).state
})
