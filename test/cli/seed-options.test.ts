// The original program's command lines: what they turn into, and that they do it.
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { translateSeedOptions } from '../../dist/cli/seed-options.js'
import { temporaryFolder } from '../training/fixtures.js'
import { densenet } from './run.js'

const folder = temporaryFolder()
const words = (line: string): string[] => line.split(' ')
const translated = (line: string) => translateSeedOptions(words(line))!

const DEFAULTS = [
  ...[
    '--dataset=cifar10',
    '--depth=20',
    '--growth-rate=12',
    '--initial-channels=24',
    '--bottleneck',
    '--reduction=0.5',
  ],
  ...['--drop-rate=0', '--epochs=164', '--batch-size=32', '--lr=0.1', '--schedule=multistep', '--momentum=0.9'],
  ...['--weight-decay=1e-4', '--memory=store', '--seed=0', '--loader-threads=2', '--output=checkpoints'],
]

describe('translation', () => {
  test('a command line of its README', () => {
    const line = '-netType densenet -dataset cifar10 -batchSize 64 -nEpochs 300 -depth 100 -growthRate 12'
    expect(translated(line)).toEqual({
      command: 'train',
      args: DEFAULTS.map(arg =>
        arg.replace('depth=20', 'depth=100').replace('epochs=164', 'epochs=300').replace('size=32', 'size=64'),
      ),
      notes: [],
    })
  })

  test('a folder like ImageNet', () => {
    const { args, notes } = translated('-dataset imagenet -data /photos -depth 121 -growthRate 32')
    expect(args).toEqual(
      expect.arrayContaining([
        'densenet-121',
        '--dataset=/photos',
        '--growth-rate=32',
        '--epochs=90',
        '--schedule=imagenet',
      ]),
    )
    expect(notes).toEqual([])
    expect(translated('-testOnly true -tenCrop true -resume runs/a -dataset imagenet -data /photos')).toMatchObject({
      command: 'test',
      args: ['runs/a', '--dataset=/photos', '--crops=ten', '--batch-size=32', '--loader-threads=2'],
    })
  })

  test('a plain network starts with 2k channels and is still compressed', () => {
    const { args, notes } = translated('-depth 40 -bottleneck false')
    expect(args).toEqual(expect.arrayContaining(['--no-bottleneck', '--initial-channels=24', '--reduction=0.5']))
    expect(notes).toEqual([
      "as in the original, reduction stays 0.5 without bottlenecks; -reduction 1 is the paper's plain DenseNet",
    ])
    expect(translated('-depth 40 -bottleneck false -reduction 1').notes).toEqual([])
  })

  test('booleans: anything but "false" is true', () => {
    for (const value of ['true', '1', 'no', 'False'])
      expect(translated(`-bottleneck ${value}`).args).toContain('--bottleneck')
    expect(translated('-bottleneck false').args).toContain('--no-bottleneck')
  })

  test.each([
    ['-optMemory 0', '--memory=store'],
    ['-optMemory 1', '--memory=store'],
    ['-optMemory 2', '--memory=store'],
    ['-optMemory 3', '--memory=recompute'],
    ['-optMemory 4', '--memory=recompute'],
    ['-nThreads 5', '--loader-threads=5'],
    ['-LR 0.01', '--lr=0.01'],
    ['-lrShape cosine', '--schedule=cosine'],
    ['-momentum 0.8', '--momentum=0.8'],
    ['-weightDecay 5e-4', '--weight-decay=5e-4'],
    ['-manualSeed 7', '--seed=7'],
    ['-dropRate 0.2', '--drop-rate=0.2'],
    ['-save here', '--output=here'],
    ['-nEpochs 0', '--epochs=164'],
    ['-growthRate 24', '--initial-channels=48'],
  ])('%s -> %s', (line, arg) => expect(translated(line).args).toContain(arg))

  test('a run that goes on takes only what was given', () => {
    expect(translated('-resume checkpoints -depth 100').args).toEqual(['--depth=100', '--resume=checkpoints'])
  })

  test('-testOnly evaluates', () => {
    expect(translated('-testOnly true -resume checkpoints -dataset cifar100')).toMatchObject({
      command: 'test',
      args: ['checkpoints', '--dataset=cifar100', '--batch-size=32', '--loader-threads=2'],
    })
  })

  test('own options are left alone', () => {
    expect(translateSeedOptions(words('densenet-bc-100-12 --lr 0.1 --seed=3'))).toBe(null)
    expect(translateSeedOptions([])).toBe(null)
  })
})

describe('accepted with a note', () => {
  test.each([
    '-cudnn fastest',
    '-backend cudnn',
    '-gen gen',
    '-data x',
    '-shareGradInput true',
    '-optnet true',
    '-nGPU 1',
    '-optimState x',
    '-shortcutType B',
    '-nClasses 10',
    '-d1 6',
  ])('%s', line => {
    const { notes, args } = translated(line)
    expect(notes).toHaveLength(1)
    expect(notes[0]).toMatch(new RegExp(`^${line.split(' ')[0]}.* means nothing here: `))
    expect(args).toEqual(DEFAULTS)
  })

  test('dropout that the original left out', () => {
    expect(translated('-optMemory 4 -dropRate 0.2').notes).toEqual([
      '-optMemory 4 of the original left dropout out of dense layers; here it is applied',
    ])
  })

  test.each([
    '-precision single',
    '-tenCrop false',
    '-resetClassifier false',
    '-epochNumber 1',
    '-retrain none',
    '-netType densenet',
  ])('%s: no word', line => {
    expect(translated(line)).toEqual({ command: 'train', args: DEFAULTS, notes: [] })
  })
})

describe('refused', () => {
  test.each([
    ['-dataset svhn', "-dataset svhn: the original's data sets are cifar10, cifar100 and imagenet"],
    ['-dataset imagenet', '-dataset imagenet: its images are not fetched'],
    ['-dataset imagenet -data a -depth 40', '-depth 40: for ImageNet it is one of 121, 161, 169, 201'],
    ['-tenCrop true', '-tenCrop true: training is watched with one crop'],
    ['-retrain model.t7', '-retrain model.t7: starting from other weights does not exist here'],
    ['-nGPU 2', '-nGPU 2: training runs in one process on the processor; only 1 is possible'],
    ['-precision half', '-precision half: training is in single precision'],
    ['-netType resnet', '-netType resnet: the only network here is densenet'],
    ['-resetClassifier true', '-resetClassifier true: a new classifier on old weights does not exist here'],
    ['-epochNumber 5', '-epochNumber 5: a run goes on where it stopped'],
    ['-optMemory 7', '-optMemory 7: the levels are 0 to 4'],
    ['-testOnly true', '-testOnly needs -resume and the folder of a run'],
    ['-depth', '-depth needs a value'],
    ['-depth 40 -Depth 3', 'unknown option -Depth (did you mean -depth?)'],
    ['-depth 40 -foo 3', 'unknown option -foo'],
    [
      '-depth 40 --lr 3',
      '-depth is an option of the original program and --lr is not; write all of them one way or the other',
    ],
    [
      'densenet-40-12 -depth 40',
      '"densenet-40-12" stands alone between options of the original program, which each take one value',
    ],
  ])('%s', (line, message) =>
    expect(() => translated(line)).toThrow(expect.objectContaining({ message, code: 'usage' })),
  )

  test('a depth that fits nothing, where the original silently built another network', async () => {
    expect(await densenet(['train', ...words('-netType densenet -depth 20')])).toMatchObject({
      code: 2,
      err: 'error: depth 20 fits no DenseNet-BC with three blocks (6 n + 4 layers). Nearest: 16, 22.\n',
    })
  })
})

test('an impossible value is refused by its own name', async () => {
  const { code, err } = await densenet(['train', ...words('-depth 40 -batchSize many')])
  expect([code, err]).toEqual([2, 'error: expected a whole number of at least 1 for --batch-size, got "many"\n'])
})

test('notes are printed first; then the run begins, here as far as its data set, which finds no folder', async () => {
  const data = join(folder, 'file')
  const env = { XDG_CACHE_HOME: '/dev/null', HOME: '/dev/null' }
  const { code, out, err } = await densenet(['train', ...words('-depth 40 -cudnn fastest -save'), data], {
    env,
    cwd: folder,
  })
  expect(out).toMatch(/^note: -cudnn means nothing here: there is no CUDA here\n/)
  expect(err).toMatch(/^(warning: .*\n)?error: .*\/dev\/null/)
  expect(code).toBe(1)
})

test('2k channels make the network that the original built', async () => {
  const { out } = await densenet([
    'summary',
    '--depth=40',
    '--growth-rate=12',
    '--no-bottleneck',
    '--initial-channels=24',
    '--json',
  ])
  // The figure of the seed's own models/densenet.lua: 1,019,722 with the paper's 16 channels.
  expect(JSON.parse(out).parameters).toBe(1_059_298)
})
