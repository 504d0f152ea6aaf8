// densenet classify, models and summary of weights, as a person types them.

import { spawn } from 'node:child_process'
import { createReadStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { DenseNet } from '../../dist/densenet.js'
import { unpack } from '../interop/fixtures.js'
import { TINY, temporaryFolder } from '../training/fixtures.js'
import { densenet } from './run.js'

const folder = temporaryFolder()
const env = { XDG_CACHE_HOME: folder, DENSENET_OFFLINE: '1' }
const cifar = (name: string): string =>
  fileURLToPath(new URL(`../networks/fixtures/cifar10/${name}.png`, import.meta.url))
const bad = join(folder, 'bad.png')
const model = join(folder, 'tiny.safetensors')

beforeAll(async () => {
  writeFileSync(bad, 'no image')
  const network = DenseNet.create(TINY, { seed: 3 })
  network.classes = ['red', 'green', 'blue']
  network.normalisation = { mean: [100, 100, 100], deviation: [50, 50, 50] }
  await network.save(model)
  mkdirSync(join(folder, 'album', 'inner'), { recursive: true })
  for (const name of ['album/b.png', 'album/a.PNG', 'album/inner/c.png']) {
    writeFileSync(join(folder, name), readFileSync(cifar('ship')))
  }
  writeFileSync(join(folder, 'album/notes.txt'), 'no image, and none is expected')
})

describe('classify', () => {
  test('by the network of the package: five classes, how images get to it, times', async () => {
    const { code, out, err } = await densenet(['classify', cifar('ship')], { env })
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain('images: the shorter side is scaled to 32 pixels (bicubic), the middle 32 x 32 cut out')
    expect(out).toMatch(/ship\.png\n +\d+\.\d\d % {3}ship\n( +\d+\.\d\d % {3}\w+\n){4}\n/)
    expect(out).toMatch(
      /^reading and scaling +[\d.,]+ ms an image\nnetwork +[\d.,]+ ms an image\nall 1 image +[\d.]+ images\/s$/m,
    )
  })

  test('the images of folders, in the order of their names; others are answered when some cannot be read', async () => {
    const args = ['classify', '--model', model, '--top=1', bad, join(folder, 'album'), join(folder, 'none.jpg')]
    const { code, out, err } = await densenet([...args, '--backend=reference'], { env })
    expect(code).toBe(1)
    expect(out.match(/^\S+\.png(?= {3}(red|green|blue) {3}\d+\.\d\d %$)/gim)).toEqual(
      ['a.PNG', 'b.png', 'inner/c.png'].map(name => join(folder, 'album', name)),
    )
    expect(err).toBe(
      `warning: 2 of 5 images could not be read\n  ${bad}: it is no image of a known format\n  ${join(folder, 'none.jpg')}: it does not exist\n`,
    )
  })

  test('JSON lines; an image on standard input', async () => {
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
    const child = spawn(process.execPath, [main, 'classify', '--model', model, '-', bad, '--json', '--top=2'], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    createReadStream(cifar('cat')).pipe(child.stdin)
    let out = ''
    for await (const text of child.stdout.setEncoding('utf8')) out += text
    const [first, second, times] = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(first).toEqual({ image: '-', predictions: [expect.anything(), expect.anything()] })
    expect(Object.keys(first.predictions[0])).toEqual(['label', 'index', 'probability'])
    expect(second).toEqual({ image: bad, error: 'it is no image of a known format' })
    expect(times).toMatchObject({ images: 2, failed: 1, seconds: { all: expect.any(Number) } })
  })

  const wrong: [string, string[], number, RegExp][] = [
    ['no image', ['classify'], 2, /missing required argument image/],
    [
      'an unknown network',
      ['classify', '--model=resnet50', bad],
      2,
      /nor a network of that name\n +The names are cifar10, densenet121/,
    ],
    [
      'a network that cannot be run',
      ['classify', '--model=timm/densenetblur121d.ra_in1k', bad],
      2,
      /cannot be run here: its stem/,
    ],
    [
      'a network that is not here, offline',
      ['classify', '--model=densenet121', bad],
      1,
      /densenet121 is not on this machine/,
    ],
    ['an empty folder', ['classify', join(folder, 'album', 'inner', '..', 'empty')], 2, /there are no images in/],
    ['standard input twice', ['classify', '-', '-'], 2, /can be read only once/],
    ['no classes', ['classify', '--top=0', bad], 2, /expected a whole number of at least 1 for --top, got 0/],
    ['fetching of the shipped one', ['models', '--fetch=cifar10'], 2, /there is nothing to fetch or remove/],
    ['an unknown name', ['models', '--remove=vgg'], 2, /expected one of densenet121, .* for --remove, got "vgg"/],
    ['both at once', ['models', '--remove=densenet121', '--fetch=densenet121'], 2, /give either --fetch or --remove/],
  ]
  test.each(wrong)('%s is refused', async (_, args, expected, message) => {
    mkdirSync(join(folder, 'album', 'empty'), { recursive: true })
    const { code, err } = await densenet(args, { env })
    expect([code, err]).toEqual([expected, expect.stringMatching(message)])
    expect(err).not.toMatch(/\n\s+at /)
  })

  test('weights that do not say how images are normalised need it said', async () => {
    const weights = unpack('kuangliu.pth', folder)
    const told = await densenet(['classify', '--model', weights, cifar('cat')], { env })
    expect([told.code, told.err]).toEqual([2, expect.stringContaining('--mean and --std')])
    const both = ['--mean=0.5,0.5,0.5', '--std=0.25,0.25,0.25', '--top=1']
    const { code, out } = await densenet(['classify', '--model', weights, cifar('cat'), ...both], { env })
    expect([code, out]).toEqual([0, expect.stringMatching(/cat\.png {3}class \d+ {3}\d+\.\d\d %/)])
  })
})

test('models: all names, what is here, and what is published', async () => {
  const { code, out } = await densenet(['models'], { env })
  expect(code).toBe(0)
  expect(out).toMatch(/^cifar10 +\d+\.\d\d % +\d+\.\d\d % +1 MB +here +comes with densenet, BSD-3-Clause$/m)
  expect(out).toMatch(/^densenet121 +25\.57 % +8\.03 % +33 MB +torchvision, BSD-3-Clause$/m)
  expect(out).toMatch(/^timm\/densenetblur121d\.ra_in1k .* cannot be run +timm, Apache-2\.0$/m)
  const all = JSON.parse((await densenet(['models', '--json'], { env })).out)
  expect(all).toHaveLength(11)
  expect(all[1]).toMatchObject({ name: 'densenet121', size: 32_342_954, cached: false, refused: null })
})

test('summary of weights from elsewhere, of a checkpoint, of a name', async () => {
  const foreign = await densenet(['summary', unpack('published.pth', folder)], { env })
  expect(foreign.code).toBe(0)
  expect(foreign.out).toMatch(/PyTorch \(old\), names: torchvision; .* 5 classes\n\d+ tensors matched, 0 missing/)
  expect(foreign.out).toMatch(/^block 2 +28 x 28 +2 layers/m)
  const own = await densenet(['summary', model, '--json'], { env })
  expect(JSON.parse(own.out)).toMatchObject({ config: { classes: 3, growthRate: 2 }, batchSize: 64 })
  const named = await densenet(['summary', 'cifar10'], { env })
  expect(named.out).toMatch(/^cifar10 {3}40 layers {3}input 3 x 32 x 32 {3}10 classes$/m)
  for (const network of ['cifar10', 'densenet-bc-40-12']) {
    const larger = await densenet(['summary', network, '--image-size=48'], { env })
    expect(larger.out).toMatch(/ {3}input 3 x 48 x 48 {3}10 classes$/m)
  }
  const mixed = await densenet(['summary', model, '--depth=40'], { env })
  expect([mixed.code, mixed.err]).toEqual([2, expect.stringContaining('weights come with their own network')])
})
