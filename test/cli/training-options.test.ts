// The options of how to train: each that is wrong gets its sentence, and all that are right reach the run.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../training/fixtures.js'
import { densenet, SMALL } from './run.js'

const folder = temporaryFolder()
const SHARE = 'a number from 0 up to, but not including, 1'

type Case = [args: string[], message: string, hint?: string]
const wrong: Case[] = [
  [['--accumulate=0'], 'expected a whole number of at least 1 for --accumulate, got 0'],
  [['--plateau-patience=-1'], 'expected a whole number of at least 0 for --plateau-patience, got -1'],
  [['--plateau-patience=3'], 'the schedule multistep has no plateau patience'],
  [['--optimizer=adam'], 'expected one of sgd, adamw, rmsprop for --optimizer, got "adam"'],
  [['--optimizer=adamw', '--momentum=0.5'], 'adamw has no momentum'],
  [['--optimizer=adamw', '--no-nesterov'], 'adamw has no nesterov'],
  [['--beta1=0.5'], 'sgd has no beta1'],
  [['--beta1=1'], `expected ${SHARE} for --beta1, got 1`],
  [['--beta2=2'], `expected ${SHARE} for --beta2, got 2`],
  [['--alpha=x'], `expected ${SHARE} for --alpha, got "x"`],
  [['--epsilon=0'], 'expected a number above 0 and up to 1 for --epsilon, got 0'],
  [['--clip-norm=0'], 'expected a number above 0 for --clip-norm, got 0'],
  [['--ema=1'], `expected ${SHARE} for --ema, got 1`],
  [['--loss=hinge'], 'expected one of cross-entropy, binary-cross-entropy for --loss, got "hinge"'],
  [['--label-smoothing=1'], `expected ${SHARE} for --label-smoothing, got 1`],
  [['--mixup=0'], 'expected a number above 0 and up to 1000 for --mixup, got 0'],
  [['--cutmix=x'], 'expected a number above 0 and up to 1000 for --cutmix, got "x"'],
  [['--cutmix=1', '--switch-probability=0.1'], 'a switch probability needs both mixup and cutmix'],
  [
    ['--mixup=1', '--cutmix=1', '--switch-probability=1.1'],
    'expected a number from 0 to 1 for --switch-probability, got 1.1',
  ],
  [
    ['--class-weights=1,,2'],
    'expected balanced, or numbers of at least 0, not all of them 0, with commas between them for --class-weights, got "1,,2"',
  ],
  [
    ['--class-weights=0,0'],
    'expected balanced, or numbers of at least 0, not all of them 0, with commas between them for --class-weights, got "0,0"',
  ],
  [['--lr=1000'], 'expected a number above 0 and up to 100 for --lr, got 1000'],
  [['--weight-decay=5'], 'expected a number from 0 to 1 for --weight-decay, got 5'],
  [['--optimizer=adamw', '--epsilon=10'], 'expected a number above 0 and up to 1 for --epsilon, got 10'],
  [['--class-weights=1,2'], 'there are 2 class weights for 10 classes'],
  [['--freeze=,'], 'expected names of parameters with commas between them for --freeze, got ","'],
  [
    ['--freeze=block1'],
    'no parameter is called "block1"',
    'Names are such as features.conv0.weight and classifier.bias; * stands for anything, as in features.denseblock1.*',
  ],
  [['--freeze=*'], 'all parameters are frozen: there is nothing to train'],
  [['--patience=0'], 'expected a whole number of at least 1 for --patience, got 0'],
  [['--validation=0'], 'expected a whole number of at least 1 for --validation, got 0'],
  [
    ['--validation=48'],
    '48 of the 48 training images of synthetic cannot be held out',
    'Some must be left to train on',
  ],
  [['--keep-best=0'], 'expected a whole number of at least 1 for --keep-best, got 0'],
]

describe.concurrent('one sentence each', () => {
  test.for(wrong)('%j', async ([args, message, hint]) => {
    const output = join(folder, args.join('').replaceAll(/[^a-z0-9]/g, '-'))
    const result = await densenet(['train', ...SMALL, '--output', output, ...args])
    const [first, second, ...rest] = result.err.trimEnd().split('\n')
    expect(first).toBe(`error: ${message}`)
    if (hint !== undefined) expect(second?.trim()).toBe(hint)
    expect(rest).toEqual([])
    expect(result.code).toBe(2)
    expect(result.out).toBe('')
    expect(existsSync(output)).toBe(false)
  })
})

test('all of them reach the run, and --resume knows them', async () => {
  const output = join(folder, 'all')
  const args = [
    ...['--optimizer=adamw', '--lr=0.01', '--beta1=0.8', '--beta2=0.9', '--epsilon=1e-7', '--weight-decay=0.02'],
    ...['--no-decay-norms', '--clip-norm=2', '--ema=0.99', '--accumulate=2', '--label-smoothing=0.1'],
    ...['--class-weights=balanced', '--freeze=features.conv0.weight,features.denseblock1.*', '--patience=9'],
    ...['--mixup=0.2', '--cutmix=1', '--switch-probability=0.3'],
    ...['--validation=16', '--keep-best=2', '--schedule=plateau', '--plateau-patience=1', '--warmup-epochs=0.5'],
  ]
  const { code, out, err } = await densenet(['train', ...SMALL, ...args, '--output', output])
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(/^synthetic +32 training, 16 validation images/m)
  expect(out).toMatch(/^AdamW +3 epochs of batches of 8 +lr 0.01 plateau +weight decay 0.02$/m)
  for (const word of [
    '--accumulate 2',
    '--clip-norm 2',
    '--no-decay-norms',
    '--ema 0.99',
    '--mixup 0.2',
    '--validation 16',
  ]) {
    expect(out).toContain(word)
  }
  expect(out).toMatch(/validation loss/)
  expect(out).toMatch(/^final validation error .* after epoch 3$/m)
  expect(out).toMatch(/^test error [\d.]+ % \(top-5 [\d.]+ %\) of epoch \d: chosen by the validation images alone$/m)
  expect(JSON.parse(readFileSync(join(output, 'config.json'), 'utf8'))).toMatchObject({
    keepBest: 2,
    recipe: {
      optimizer: 'adamw',
      learningRate: 0.01,
      beta1: 0.8,
      beta2: 0.9,
      epsilon: 1e-7,
      weightDecay: 0.02,
      decayNorms: false,
      clipNorm: 2,
      ema: 0.99,
      accumulate: 2,
      labelSmoothing: 0.1,
      classWeights: 'balanced',
      freeze: ['features.conv0.weight', 'features.denseblock1.*'],
      patience: 9,
      heldOut: 16,
      schedule: 'plateau',
      plateauPatience: 1,
      warmupEpochs: 0.5,
      mixup: 0.2,
      cutmix: 1,
      switchProbability: 0.3,
    },
  })
  expect(readdirSync(output).filter(file => /^epoch-\d\.safetensors$/.test(file))).toHaveLength(2)
  const resumed = await densenet(['train', '--resume', output, '--epochs=4'])
  expect(resumed).toMatchObject({ code: 0, err: '' })
  expect(resumed.out).toContain('going on from epoch 4, step 0')
  expect((await densenet(['train', '--resume', output, '--ema=0.9', '--epochs=5'])).err).toBe(
    'error: ema is 0.99 in this run and cannot become 0.9 in the middle of it\n',
  )
})

test('a run that ended early says so, then and later', async () => {
  const output = join(folder, 'early')
  const args = ['--lr=1e-12', '--patience=1', '--epochs=9', '--output', output]
  const { out, code } = await densenet(['train', ...SMALL, ...args])
  expect(code).toBe(0)
  const sentence = /^ended after epoch (\d): the error was lowest after epoch (\d)$/m
  expect(sentence.exec(out)).not.toBeNull()
  const again = await densenet(['train', '--resume', output])
  expect(sentence.exec(again.out)![0]).toBe(sentence.exec(out)![0])
  expect(again.out).not.toContain('going on')
})
