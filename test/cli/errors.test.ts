// Everything that can be wrong with a command: one sentence, perhaps what to do, the right exit code, and no stack.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { instructionSets } from '../native-available.js'
import { temporaryFolder } from '../training/fixtures.js'
import { densenet, densenetAlone, SMALL } from './run.js'

const folder = temporaryFolder()
const run = join(folder, 'run')
/** The same once more: cases run at once, and a run is locked while one looks into it. */
const copy = join(folder, 'copy')
const last = join(run, 'last.safetensors')
const env = { XDG_CACHE_HOME: folder }

beforeAll(async () => {
  expect(await densenet(['train', ...SMALL, '--epochs=1', '--output', run])).toMatchObject({ code: 0 })
  const bytes = readFileSync(last)
  writeFileSync(join(folder, 'short.safetensors'), bytes.subarray(0, bytes.length - 100))
  writeFileSync(join(folder, 'text.safetensors'), 'no checkpoint')
  mkdirSync(join(folder, 'empty'))
  cpSync(run, copy, { recursive: true })
})

type Case = [name: string, args: string[], code: number, message: string, hint?: string]
const wrong: Case[] = [
  ['an unknown option', ['train', '--epohcs', '3'], 2, 'unknown option --epohcs (did you mean --epochs?)'],
  ['an unknown command', ['trian'], 2, 'unknown command trian (did you mean train?)'],
  ['a missing value', ['train', '--epochs'], 2, 'option --epochs <n> argument missing'],
  [
    'too many words',
    ['summary', 'densenet-121', 'twice'],
    2,
    'too many arguments for summary. Expected 1 argument but got 2',
  ],
  ['a missing argument', ['test'], 2, 'missing required argument run-or-checkpoint'],
  [
    'no network',
    ['train'],
    2,
    'which network?',
    'densenet train densenet-bc-100-12, or --depth and --growth-rate; densenet summary lists the presets',
  ],
  ['an unknown network', ['train', 'resnet-50'], 2, 'there is no network "resnet-50"'],
  [
    'a depth that fits nothing',
    ['train', 'densenet-bc-101-12'],
    2,
    'depth 101 fits no DenseNet-BC with three blocks (6 n + 4 layers). Nearest: 100, 106.',
  ],
  [
    'epochs that are no number',
    ['train', '--epochs', 'many'],
    2,
    'expected a whole number of at least 1 for --epochs, got "many"',
  ],
  ['no epochs', ['train', '--epochs', '0'], 2, 'expected a whole number of at least 1 for --epochs, got 0'],
  ['half a batch', ['train', '--batch-size=0.5'], 2, 'expected a whole number of at least 1 for --batch-size, got 0.5'],
  ['an empty value', ['train', '--batch-size='], 2, 'expected a whole number of at least 1 for --batch-size, got ""'],
  ['a negative rate', ['train', '--lr=-1'], 2, 'expected a number above 0 and up to 100 for --lr, got -1'],
  [
    'too much momentum',
    ['train', '--momentum', '1'],
    2,
    'expected a number from 0 up to, but not including, 1 for --momentum, got 1',
  ],
  [
    'an unknown schedule',
    ['train', '--schedule', 'linear'],
    2,
    'expected one of multistep, cosine, one-cycle, imagenet, plateau, exponential, constant for --schedule, got "linear"',
  ],
  [
    'an unknown memory mode',
    ['train', '--memory', 'less'],
    2,
    'expected one of store, recompute, auto for --memory, got "less"',
  ],
  [
    'an unknown backend',
    ['train', '--backend', 'cuda'],
    2,
    'expected one of auto, native, wasm, webgpu, reference, gpu for --backend, got "cuda"',
  ],
  [
    'odd blocks',
    ['train', '--blocks', '6,,3'],
    2,
    'expected whole numbers with commas between them, such as 6,12,24,16 for --blocks, got "6,,3"',
  ],
  ['depth and blocks', ['train', '--blocks=6,6', '--depth=40'], 2, 'give either depth or blocks, not both'],
  [
    'an unknown data set',
    ['train', 'densenet-40-12', '--dataset', 'cifar11'],
    2,
    'there is no data set called "cifar11"',
    'The data sets are cifar10, cifar100, svhn, mnist, fashion-mnist, synthetic; or name a folder or CSV list of images',
  ],
  [
    'a folder that holds a run',
    ['train', ...SMALL, '--output', run],
    2,
    `${run} already holds a run`,
    `Go on with it: densenet train --resume ${run}; or choose another folder`,
  ],
  ['an output that is a file', ['train', ...SMALL, '--output', last], 2, `${last} is a file, not a folder`],
  [
    'an output below a file',
    ['train', ...SMALL, '--output', `${last}/a`],
    1,
    `a file is in the way where a folder is needed, while making the folder ${last}/a`,
  ],
  ['a missing folder', ['train', '--resume', join(folder, 'none')], 2, `there is no folder ${join(folder, 'none')}`],
  [
    'a folder without a run',
    ['train', '--resume', join(folder, 'empty')],
    2,
    `${join(folder, 'empty')} holds no run: it has no config.json`,
  ],
  [
    'output and resume',
    ['train', '--resume', run, '--output', 'x'],
    2,
    'a run that goes on stays in its folder',
    'Leave out --output, or copy the folder first',
  ],
  [
    'a run of another network',
    ['train', 'densenet-40-12', '--resume', run, '--epochs=2'],
    2,
    `the run in ${run} trains DenseNet with 1, 1, 1 layers, growth rate 2, not DenseNet with 12, 12, 12 layers, growth rate 12`,
  ],
  [
    'another batch size on resuming',
    ['train', '--resume', copy, '--epochs=2', '--batch-size=9'],
    2,
    'batch size is 8 in this run and cannot become 9 in the middle of it',
  ],
  [
    'the demo with a network',
    ['train', 'densenet-40-12', '--demo'],
    2,
    '--demo has its own network and recipe',
    'Leave out --demo, or the network and the recipe',
  ],
  [
    'an unknown recipe',
    ['train', '--recipe', 'c11'],
    2,
    'expected one of c10+, c10, c100+, c100, svhn, imagenet, imagenet-cosine, quick, camvid, camvid-frames for --recipe, got "c11"',
  ],
  [
    'a recipe without images',
    ['train', 'densenet-121', '--recipe=imagenet'],
    2,
    'the recipe imagenet needs its images',
    'Give --dataset',
  ],
  [
    'a recipe without a network',
    ['train', '--recipe=c10+'],
    2,
    'which network?',
    'densenet train densenet-bc-100-12, or --depth and --growth-rate; densenet summary lists the presets',
  ],
  [
    'a recipe on resuming',
    ['train', '--resume', run, '--recipe=c10+'],
    2,
    'a run that goes on keeps its recipe',
    'Leave out --recipe',
  ],
  [
    'a negative warm-up',
    ['train', '--warmup-epochs=-1'],
    2,
    'expected a number of at least 0 for --warmup-epochs, got -1',
  ],
  [
    'a checkpoint for other classes',
    ['test', last, '--dataset', 'cifar100'],
    2,
    `${last} classifies 10 classes, cifar100 has 100`,
  ],
  [
    'a checkpoint for other images',
    ['test', last, '--dataset', 'mnist'],
    2,
    `${last} reads images of 3 x 32 x 32, those of mnist are 1 x 28 x 28`,
  ],
  [
    'a missing checkpoint',
    ['test', join(folder, 'none')],
    2,
    `there is no checkpoint, run folder or file of weights ${join(folder, 'none')}, nor a network of that name`,
  ],
  [
    'a truncated checkpoint',
    ['test', join(folder, 'short.safetensors')],
    1,
    expect.stringMatching(/short.safetensors is no valid safetensors file: .* the file is cut short$/),
  ],
  [
    'no checkpoint at all',
    ['test', join(folder, 'text.safetensors')],
    1,
    expect.stringMatching(/text.safetensors is no file of weights that is known$/),
    'What is read: safetensors, PyTorch (.pth, .pt), Keras (.h5, .keras), Torch7 (.t7), Caffe (.caffemodel), MXNet (.params), Chainer and Lasagne (.npz)',
  ],
  [
    'too large a batch',
    [
      'train',
      'densenet-bc-100-12',
      '--dataset=synthetic',
      '--batch-size=1000000',
      '--memory=store',
      '--backend=reference',
      '--output',
      join(folder, 'large'),
    ],
    2,
    expect.stringMatching(/^training at batch 1000000 takes [\d.]+ GB, this machine has [\d.]+ GB$/),
    expect.stringMatching(/--memory recompute/),
  ],
]

describe.concurrent('one sentence each', () => {
  test.for(wrong)('%s', async ([, args, code, message, hint]) => {
    const result = await densenet(args, { cwd: folder, env })
    const [first, second, ...rest] = result.err.trimEnd().split('\n')
    expect(first?.replace(/^error: /, '')).toEqual(message)
    if (hint !== undefined) expect(second?.trim()).toEqual(hint)
    expect(rest).toEqual([])
    expect(result.code).toBe(code)
    expect(result.out).toBe('')
  })
})

test('a truncated data file', async () => {
  const data = join(folder, 'mnist')
  mkdirSync(data)
  for (const name of ['train-images', 'train-labels', 't10k-images', 't10k-labels']) {
    writeFileSync(join(data, `${name}-idx${name.endsWith('images') ? 3 : 1}-ubyte`), 'cut')
  }
  const { code, err, out } = await densenet(['data', 'mnist', '--data', data])
  expect([code, out]).toEqual([1, ''])
  expect(err).toMatch(/^error: .*(images|labels)-idx\d-ubyte/)
  expect(err).not.toMatch(/\n {4}at /)
})

test.skipIf(instructionSets.length === 0)('an instruction set that there is not', async () => {
  const args = ['train', ...SMALL, '--backend=auto', '--output', join(folder, 'mmx')]
  const { code, err, out } = await densenet(args, { env: { DENSENET_ISA: 'mmx' } })
  expect([code, out]).toEqual([2, ''])
  const [first, second, ...rest] = err.trimEnd().split('\n')
  expect(first).toBe(
    `error: expected an instruction set that this processor can run (${instructionSets.join(', ')}) for DENSENET_ISA, got "mmx"`,
  )
  expect(second).toMatch(/leave it out to get the best/i)
  expect(rest).toEqual([])
  expect(existsSync(join(folder, 'mmx'))).toBe(false)
})

test('--debug adds the stack', async () => {
  const { err } = await densenet(['train', 'densenet-bc-101-12', '--debug'])
  expect(err).toMatch(/Nearest: 100, 106\.\n[\s\S]*at .*\.js:\d+/)
})

test('a loss that is not finite stops the run and says what to try', async () => {
  const output = join(folder, 'diverges')
  const { code, err } = await densenet([
    'train',
    ...SMALL,
    '--lr=100',
    '--weight-decay=1',
    '--batch-size=2',
    '--output',
    output,
  ])
  expect(code).toBe(1)
  expect(err).toMatch(/^error: the (loss is|weights are) .* at epoch 1, step \d.*\n {7}Try a lower learning rate/)
})

describe('a full disk', () => {
  // The handle's writes fail as they do there, from the given file on.
  const full = (name: string): string =>
    `data:text/javascript,${encodeURIComponent(`
      import fs from 'node:fs'
      import { syncBuiltinESMExports } from 'node:module'
      const { open } = fs.promises
      let opened = 0
      fs.promises.open = async (path, ...rest) => {
        const file = await open(path, ...rest)
        if (String(path).endsWith(${JSON.stringify(name)}) && ++opened > 1) {
          file.writev = file.writeFile = async () => { throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }) }
        }
        return file
      }
      syncBuiltinESMExports()`)}`

  test('while a checkpoint is written: a sentence, and the one before is whole', async () => {
    const output = join(folder, 'full')
    const args = ['train', ...SMALL, '--checkpoint-seconds=0', '--output', output]
    const { code, err } = await densenetAlone(args, { node: ['--import', full('last.safetensors.new')] })
    expect(err).toBe(
      `error: no space left on the disk while writing ${join(output, 'last.safetensors')}\n       Free some space, or choose a folder on another disk. Then go on with: densenet train --resume ${output}\n`,
    )
    expect(code).toBe(1)
    const resumed = await densenet(['train', '--resume', output])
    expect(resumed).toMatchObject({ code: 0, err: '' })
  })

  test('while the log is written: the same', async () => {
    const output = join(folder, 'full-log')
    await densenet(['train', ...SMALL, '--epochs=1', '--output', output])
    const node = ['--import', full('log.jsonl').replace('%3E%201', '%3E%200')]
    const { code, err } = await densenetAlone(['train', '--resume', output, '--epochs=2'], { node })
    expect([code, err.split('\n')[0]]).toEqual([
      1,
      `error: no space left on the disk while writing ${join(output, 'log.jsonl')}`,
    ])
    expect((await densenet(['train', '--resume', output, '--epochs=2'])).code).toBe(0)
  })
})

describe('help', () => {
  test.each(['train', 'test', 'summary', 'data', 'bench'])('%s --help shows options and an example', async command => {
    const { code, out, err } = await densenet([command, '--help'])
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^Usage: densenet /)
    expect(out).toMatch(/\nExamples?:\n {2}densenet /)
    expect(out).toMatch(/default/)
  })

  test('without a command', async () => {
    const { code, out } = await densenet([])
    expect(code).toBe(0)
    expect(out).toMatch(/Commands:\n {2}train/)
  })
})
