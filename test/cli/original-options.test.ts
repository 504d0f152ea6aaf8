// The original program's command lines: what they turn into, and that they do it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { translateOriginalOptions } from '../../dist/cli/original-options.js'
import { temporaryFolder } from '../training/fixtures.js'
import { densenet } from './run.js'

const folder = temporaryFolder()
const words = (line: string): string[] => line.split(' ')
const translated = (line: string) => translateOriginalOptions(words(line))!

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

const isOfNetwork = (arg: string): boolean =>
  /^--(depth|growth-rate|initial-channels|bottleneck|reduction|drop-rate)/.test(arg)

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

  test.each(['half', 'double'])('-precision %s, in training and in testing', precision => {
    const option = `--precision=${precision}`
    expect(translated(`-precision ${precision}`).args.filter(arg => !DEFAULTS.includes(arg))).toEqual([option])
    expect(translated(`-precision ${precision} -testOnly true -retrain a.t7`).args).toContain(option)
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

  test("the original's README for ImageNet, word for word", () => {
    const line =
      '-netType densenet -dataset imagenet -data FOLDER -batchSize 256 -nEpochs 90 -depth 121 -growthRate 32 -nGPU 4 -nThreads 16 -optMemory 3'
    expect(translated(line)).toEqual({
      command: 'train',
      args: [
        ...['--dataset=FOLDER', 'densenet-121', '--growth-rate=32', '--initial-channels=64', '--bottleneck'],
        ...['--reduction=0.5', '--drop-rate=0', '--epochs=90', '--batch-size=64', '--accumulate=4', '--lr=0.1'],
        ...['--schedule=imagenet', '--momentum=0.9', '--weight-decay=1e-4', '--memory=recompute', '--seed=0'],
        ...['--loader-threads=16', '--output=checkpoints'],
      ],
      notes: [
        '-nGPU 4 -batchSize 256 is --batch-size 64 --accumulate 4, in one process or as many ranks: the mean gradient of 256 images, batch norms over 64 of them, the memory of 64',
      ],
    })
  })

  test('another ImageNet depth has the blocks that are told', () => {
    const line = '-dataset imagenet -data a -growthRate 32'
    expect(translated(`${line} -depth 264 -d1 6 -d2 12 -d3 64 -d4 48`).args).toContain('densenet-264')
    const { args, notes } = translated(`${line} -depth 77 -d1 6 -d2 12 -d3 8 -d4 9`)
    expect(args).toEqual(expect.arrayContaining(['densenet-121', '--blocks=6,12,8,9']))
    expect(notes).toEqual([])
    expect(translated(`${line} -depth 121 -d1 7`).notes).toEqual([
      '-d1 means nothing here: densenet-121 has its own blocks',
    ])
  })

  test('a growth rate that is not given is 12, which is said where the network is known by another', () => {
    expect(translated('-dataset imagenet -data a -depth 161').notes).toEqual([
      'as in the original, the growth rate is 12 where none is given; densenet-161 of the paper has 48',
    ])
  })

  test('weights to begin with bring their network; what is said of it goes along, to be checked', () => {
    const { args } = translated('-retrain model.t7 -LR 0.01')
    expect(args).toEqual(
      [...DEFAULTS.filter(arg => !isOfNetwork(arg)), '--pretrained=model.t7'].map(arg =>
        arg.replace('lr=0.1', 'lr=0.01'),
      ),
    )
    const whole = translated('-dataset imagenet -data a -depth 121 -growthRate 32 -retrain model.t7').args
    expect(whole).toEqual(
      expect.arrayContaining(['densenet-121', '--growth-rate=32', '--bottleneck', '--pretrained=model.t7']),
    )
  })

  test('a new classifier: of fresh networks the classes are those of the images anyway', () => {
    const reset = '-resetClassifier true -nClasses 10'
    expect(translated(`-retrain model.t7 ${reset}`).args).toEqual(
      expect.arrayContaining(['--pretrained=model.t7', '--reset-classifier', '--classes=10']),
    )
    const { args, notes } = translated(reset)
    expect([args, notes]).toEqual([[...DEFAULTS, '--classes=10'], []])
  })

  test('GPUs of a run that goes on are checked against it', () => {
    expect(translated('-resume runs/a -nGPU 4 -batchSize 64').args).toEqual([
      ...['--batch-size=16', '--accumulate=4', '--resume=runs/a'],
    ])
    expect(translated('-resume runs/a -nGPU 3')).toMatchObject({
      args: ['--accumulate=3', '--resume=runs/a'],
      notes: ['-nGPU 3 is --accumulate 3, in one process or as many ranks'],
    })
    expect(translated('-resume runs/a -nGPU 1').args).toEqual(['--accumulate=1', '--resume=runs/a'])
  })

  test("the original's own checkpoint folder is gone on with by all of the original's values", () => {
    const original = join(folder, 'original')
    mkdirSync(original)
    writeFileSync(join(original, 'latest.t7'), '')
    const { args } = translateOriginalOptions(['-resume', original, '-nEpochs', '300'])!
    expect(args).toEqual([
      ...['--dataset=cifar10', '--epochs=300', '--batch-size=32', '--lr=0.1', '--schedule=multistep'],
      ...['--memory=store', '--seed=0', '--loader-threads=2', `--resume=${original}`],
    ])
    const more = translateOriginalOptions(['-resume', original, '-momentum', '0.8', '-save', 'b'])!.args
    expect(more).toEqual(expect.arrayContaining(['--momentum=0.8', '--output=b']))
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
    ['-epochNumber 5', '--first-epoch=5'],
    ['-dataset imagenet -data a -depth 121 -tenCrop true', '--crops=ten'],
  ])('%s -> %s', (line, arg) => expect(translated(line).args).toContain(arg))

  test('a run that goes on takes only what was given', () => {
    expect(translated('-resume checkpoints -nEpochs 300').args).toEqual(['--epochs=300', '--resume=checkpoints'])
    // A network is described whole, or not at all.
    expect(translated('-resume checkpoints -depth 100').args).toEqual([
      ...DEFAULTS.filter(isOfNetwork).map(arg => arg.replace('depth=20', 'depth=100')),
      '--resume=checkpoints',
    ])
    const own = 'means nothing here: a run that goes on has its own, as in the original'
    expect(translated('-resume a -epochNumber 3 -retrain b -resetClassifier true -nClasses 2 -save c').notes).toEqual([
      `-retrain ${own}`,
      `-resetClassifier ${own}`,
      `-epochNumber ${own}`,
      '-save means nothing here: a run that goes on stays in its folder',
    ])
  })

  test('-testOnly evaluates', () => {
    expect(translated('-testOnly true -resume checkpoints -dataset cifar100')).toMatchObject({
      command: 'test',
      args: ['checkpoints', '--dataset=cifar100', '--batch-size=32', '--loader-threads=2'],
    })
    expect(translated('-testOnly true -retrain model.t7 -depth 121 -nGPU 4')).toMatchObject({
      command: 'test',
      args: ['model.t7', '--dataset=cifar10', '--batch-size=32', '--loader-threads=2'],
      notes: [
        'the network is that of the weights; not looked at: -depth',
        '-nGPU 4 means nothing here: mpirun says how many processes test',
      ],
    })
  })

  test('own options are left alone', () => {
    expect(translateOriginalOptions(words('densenet-bc-100-12 --lr 0.1 --seed=3'))).toBe(null)
    expect(translateOriginalOptions([])).toBe(null)
  })
})

/** Of every option: values that work, and ones that are refused; of booleans and of what means nothing all work. */
const VALUES: Readonly<Record<string, readonly [good: readonly string[], bad: readonly string[]]>> = {
  data: [['a'], []],
  dataset: [
    ['cifar10', 'cifar100'],
    ['imagenet', 'svhn', ''],
  ],
  manualSeed: [
    ['0', '7'],
    ['-1', '0.5', 'x', ''],
  ],
  nGPU: [
    ['1', '4', '32'],
    ['0', '3', '64', '1.5'],
  ],
  backend: [['cudnn', 'cunn'], []],
  cudnn: [['fastest', 'default', 'deterministic'], []],
  gen: [['gen'], []],
  precision: [
    ['single', 'half', 'double'],
    ['bf16', 'float32'],
  ],
  nThreads: [
    ['0', '16'],
    ['-1', 'many'],
  ],
  nEpochs: [
    ['0', '300'],
    ['-1', '1.5', 'x'],
  ],
  epochNumber: [
    ['1', '30'],
    ['0', 'x'],
  ],
  batchSize: [
    ['1', '256'],
    ['0', '-4', '2.5', 'Infinity'],
  ],
  testOnly: [['false'], ['true']],
  tenCrop: [['false'], ['true']],
  save: [['here'], ['']],
  resume: [['none', 'runs/a'], ['']],
  LR: [
    ['0.1', '1e-3'],
    ['0', '-1', 'x'],
  ],
  momentum: [
    ['0', '0.9'],
    ['1', '-0.1'],
  ],
  weightDecay: [
    ['0', '1e-4'],
    ['-1e-4', 'x'],
  ],
  lrShape: [['multistep', 'cosine'], ['step']],
  netType: [['densenet'], ['resnet', 'preresnet']],
  depth: [['40'], ['0', '-1', 'deep']],
  shortcutType: [['A', 'B', 'C', ''], []],
  retrain: [['none', 'model.t7'], ['']],
  optimState: [['none', 'a.t7'], []],
  shareGradInput: [['true', 'false'], []],
  optnet: [['true', 'false'], []],
  resetClassifier: [['false'], ['true']],
  nClasses: [
    ['0', '10'],
    ['-1', 'x'],
  ],
  growthRate: [
    ['12', '48'],
    ['0', '1.5'],
  ],
  bottleneck: [['true', 'false', 'yes'], []],
  reduction: [
    ['1', '0.5'],
    ['0', '1.1'],
  ],
  dropRate: [
    ['0', '0.2'],
    ['1', '-0.1'],
  ],
  optMemory: [
    ['0', '1', '2', '3', '4', '5'],
    ['6', '-1', '2.5'],
  ],
  d1: [
    ['0', '6'],
    ['-1', 'x'],
  ],
  d2: [
    ['0', '6'],
    ['-1', 'x'],
  ],
  d3: [
    ['0', '6'],
    ['-1', 'x'],
  ],
  d4: [
    ['0', '6'],
    ['-1', 'x'],
  ],
}

describe('every option of the original', () => {
  test.each(Object.entries(VALUES))('-%s', (name, [good, bad]) => {
    for (const value of good) expect(translateOriginalOptions([`-${name}`, value])!.command).toBe('train')
    for (const value of bad) {
      const wrong = expect.objectContaining({ message: expect.stringContaining(`-${name}`), code: 'usage' })
      expect(() => translateOriginalOptions([`-${name}`, value])).toThrow(wrong)
    }
  })

  test('is known, and no other', () => {
    // opts.lua of the original has so many.
    expect(Object.keys(VALUES)).toHaveLength(38)
    expect(() => translated('-depth 40 -cudnnx 1')).toThrow('unknown option -cudnnx')
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
    [
      '-dataset imagenet -data a -depth 40',
      '-depth 40: for ImageNet it is one of 121, 161, 169, 201, or any with -d1, -d2, -d3 and -d4',
    ],
    [
      '-dataset imagenet -data a -depth 264 -d1 6 -d2 12',
      '-depth 264: for ImageNet it is one of 121, 161, 169, 201, or any with -d1, -d2, -d3 and -d4',
    ],
    [
      '-tenCrop true',
      '-tenCrop true: the images of cifar10 have the size that the network reads: there are no crops to be cut out',
    ],
    ['-nGPU 3', '-nGPU 3: batches of 32 cannot be shared out evenly among 3'],
    ['-batchSize 2 -nGPU 4', '-nGPU 4: batches of 2 cannot be shared out evenly among 4'],
    ['-precision bf16', '-precision bf16: it is single, half or double'],
    ['-netType resnet', '-netType resnet: the only network here is densenet'],
    ['-lrShape step', '-lrShape step: the shapes are multistep and cosine'],
    ['-resetClassifier true', '-resetClassifier needs -nClasses and the number of classes'],
    [
      '-testOnly true -retrain a -resetClassifier true -nClasses 3',
      '-testOnly and -resetClassifier: a new classifier cannot be tested before it is trained',
    ],
    ['-testOnly true', '-testOnly needs -resume and the folder of a run, or -retrain and a file of weights'],
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

  const wholeFrom = (least: number): string => `a whole number of at least ${least}`
  const share = 'a number from 0 up to, but not including, 1'
  test.each([
    ...['nGPU', 'epochNumber', 'batchSize', 'depth', 'growthRate'].flatMap(name => [
      [name, '0', wholeFrom(1)],
      [name, '1.5', wholeFrom(1)],
    ]),
    ...['manualSeed', 'nThreads', 'nEpochs', 'nClasses', 'd1', 'd2', 'd3', 'd4'].flatMap(name => [
      [name, '-1', wholeFrom(0)],
      [name, 'many', wholeFrom(0)],
    ]),
    ['LR', '0', 'a number above 0'],
    ['momentum', '1', share],
    ['dropRate', '1', share],
    ['weightDecay', '-1', 'a number of at least 0'],
    ['reduction', '0', 'a number above 0 and up to 1'],
    ['optMemory', '7', 'a level from 0 to 5'],
  ])('a number that cannot be, by its own name: -%s %s', (name, value, expected) => {
    const message = `expected ${expected} for -${name}, got "${value}"`
    expect(() => translated(`-${name} ${value}`)).toThrow(expect.objectContaining({ message, code: 'usage' }))
  })

  test.each(['save', 'resume', 'retrain'])('no path: -%s', name => {
    expect(() => translateOriginalOptions([`-${name}`, ''])).toThrow(`expected a path for -${name}, got ""`)
  })

  test('a depth that fits nothing, where the original silently built another network', async () => {
    expect(await densenet(['train', ...words('-netType densenet -depth 20')])).toMatchObject({
      code: 2,
      err: 'error: depth 20 fits no DenseNet-BC with three blocks (6 n + 4 layers). Nearest: 16, 22.\n',
    })
  })
})

test('an impossible value is refused by its own name', async () => {
  const { code, err } = await densenet(['train', ...words('-depth 40 -batchSize many')])
  expect([code, err]).toEqual([2, 'error: expected a whole number of at least 1 for -batchSize, got "many"\n'])
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
  // The figure of the original's own models/densenet.lua: 1,019,722 with the paper's 16 channels.
  expect(JSON.parse(out).parameters).toBe(1_059_298)
})
