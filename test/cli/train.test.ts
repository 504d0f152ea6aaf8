// Runs in processes of their own: what they print, and that being stopped or killed loses nothing. What comes after it is done
// in a process that is warm.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DenseNet } from '../../dist/index.js'
import { temporaryFolder } from '../training/fixtures.js'
import { densenet, densenetAlone, type Finished, type OptionsAlone as Options, SMALL } from './run.js'

const folder = temporaryFolder()
const at = (name: string): string => join(folder, name)
const unbroken = await densenetAlone(['train', ...SMALL, '--output', at('unbroken')])
const weights = async (name: string) => (await DenseNet.load(at(name))).state

test('a run prints what it does and where it is, without control characters', () => {
  const { code, out, err } = unbroken
  expect([code, err]).toEqual([0, ''])
  const lines = out.trimEnd().split('\n')
  expect(lines[0]).toMatch(
    /^DenseNet with 1, 1, 1 layers, growth rate 2 +472 parameters +143,184 multiply-adds +7 layers$/,
  )
  expect(lines[1]).toMatch(/^synthetic +48 training, 16 test images +normalise, flip, pad 4 and crop$/)
  expect(lines[2]).toMatch(
    /^reference +plain TypeScript, float32 +1\d\d MB planned of .* GB +--memory store \(auto: fits into the .* GB that are free\)$/,
  )
  expect(lines.filter(line => line.startsWith('epoch '))).toHaveLength(3)
  expect(lines[4]).toMatch(
    /^epoch 1\/3 {2}train loss \d\.\d{3} {2}error [\d.]+ % {3}test loss \d\.\d{3} {2}error [\d.]+ % {3}best {3}0:0\d {3}lr 0.05/,
  )
  expect(out).toMatch(/final test error [\d.]+ % \(top-5 [\d.]+ %\) after epoch 3\n/)
  expect(lines.slice(-5)).toEqual([
    expect.stringMatching(/^took 0:0\d, 0:0\d of it testing; [\d.,]+ images\/s in training$/),
    `saved in ${at('unbroken')}: log.jsonl, weights of the lowest error in best.safetensors`,
    'next',
    expect.stringMatching(`^    densenet test ${at('unbroken')} --report report +where it errs$`),
    expect.stringMatching(`^    densenet convert ${at('unbroken')} model.onnx +for other programs$`),
  ])
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the point
  expect(out).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/)
})

test('a recipe is printed in full, as the options that make it; options beside it win', async () => {
  const args = [
    ...SMALL.filter(arg => !/--(epochs|lr)/.test(arg)),
    '--epochs=1',
    '--weight-decay=0.001',
    '--no-nesterov',
  ]
  const { code, out } = await densenet(['train', '--recipe=c10', ...args, '--output', at('recipe')])
  expect(code).toBe(0)
  const [title, ...lines] = out.split('\n')
  expect(title).toBe("recipe c10: the paper's, CIFAR-10 without augmentation")
  const words = lines.slice(0, 5).join('   ').split(/ {3,}/)
  expect(words).toEqual(
    expect.arrayContaining([
      ...['--dataset synthetic', '--drop-rate 0.2', '--epochs 1', '--batch-size 8', '--lr 0.1', '--schedule multistep'],
      ...['--momentum 0.9', '--no-nesterov', '--weight-decay 0.001', '--seed 0', '--no-augment'],
    ]),
  )
  expect((await DenseNet.load(at('recipe'))).config.dropRate).toBe(0.2)
  const again = await densenet([
    'train',
    '--recipe=c10',
    '--augment=standard',
    '--drop-rate=0',
    ...args,
    '--output',
    at('again'),
  ])
  expect(again.out).toContain('--drop-rate 0   ')
  expect(again.out).toContain('   --augment standard\n')
})

test('the folder holds config, log, and three checkpoints', () => {
  expect(readdirSync(at('unbroken')).sort()).toEqual([
    'best.safetensors',
    'config.json',
    'last.previous.safetensors',
    'last.safetensors',
    'log.jsonl',
  ])
  const log = readFileSync(join(at('unbroken'), 'log.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  const count = (type: string) => log.filter(line => line.type === type).length
  expect([count('start'), count('step'), count('epoch'), count('end')]).toEqual([1, 18, 3, 1])
  expect(log.find(line => line.type === 'epoch').waitingShare).toBeGreaterThanOrEqual(0)
  expect(JSON.parse(readFileSync(join(at('unbroken'), 'config.json'), 'utf8'))).toMatchObject({
    dataset: 'synthetic',
    backend: 'reference',
    recipe: { epochs: 3, batchSize: 8, learningRate: 0.05, trainLimit: 48 },
    config: { growthRate: 2 },
  })
})

describe('stopped', () => {
  /** Does something to the process once it has made `steps` steps. */
  const onStep = (steps: number, act: (kill: (signal: NodeJS.Signals) => void) => void): Options => {
    let done = false
    return {
      onOutput: (out, child) => {
        if (done || (out.match(/"type":"step"/g)?.length ?? 0) < steps) return
        done = true
        act(signal => child.kill(signal))
      },
    }
  }

  test('by SIGKILL in mid-epoch, and gone on with, it ends with the same weights', async () => {
    const args = [...SMALL, '--json', '--checkpoint-seconds=0', '--output', at('killed')]
    const killed = await densenetAlone(
      ['train', ...args],
      onStep(9, kill => kill('SIGKILL')),
    )
    expect(killed.signal).toBe('SIGKILL')
    const resumed = await densenet(['train', '--resume', at('killed'), '--loader-threads=3'])
    expect(resumed).toMatchObject({ code: 0, err: '' })
    expect(resumed.out).toMatch(/going on from epoch [12], step \d/)
    expect(await weights('killed')).toEqual(await weights('unbroken'))
    const figures = (text: string) => text.match(/final test error .*/)?.[0]
    expect(figures(resumed.out)).toBe(figures(unbroken.out))
  })

  test('by SIGKILL before any step but the first checkpoint, too', async () => {
    const args = [...SMALL, '--json', '--checkpoint-seconds=1000', '--output', at('killed-early')]
    await densenetAlone(
      ['train', ...args],
      onStep(3, kill => kill('SIGKILL')),
    )
    expect(await densenet(['train', '--resume', at('killed-early'), '--quiet'])).toEqual({
      code: 0,
      signal: null,
      out: '',
      err: '',
    })
    expect(await weights('killed-early')).toEqual(await weights('unbroken'))
  })

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('by %s it saves, says how to go on, and exits with %i', async (signal, code) => {
    const name = `stopped-${signal}`
    let sent = false
    const stopped = await densenetAlone(['train', ...SMALL, '--epochs=200', '--output', at(name)], {
      onOutput: (out, child) => {
        if (!sent && out.includes('epoch   1/200')) child.kill(signal)
        sent ||= out.includes('epoch   1/200')
      },
    })
    expect(stopped).toMatchObject({ code, err: '' })
    expect(stopped.out).toMatch(
      new RegExp(
        `saved ${at(name)} at epoch \\d+, step \\d+\\n    go on with: densenet train --resume ${at(name)}\\n$`,
      ),
    )
    expect((await DenseNet.load(at(name))).config.growthRate).toBe(2)
  })
})

test('two processes do not train in one folder', async () => {
  let second: Promise<Finished> | undefined
  await densenetAlone(['train', ...SMALL, '--epochs=500', '--output', at('shared')], {
    onOutput: (out, child) => {
      if (second || !out.includes('epoch   1/500')) return
      second = densenetAlone(['train', '--resume', at('shared')])
      second.finally(() => child.kill('SIGINT'))
    },
  })
  expect(await second).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^error: another process is training in .*shared\n/),
  })
})

test('a reader that goes away does not stop a run', async () => {
  const { code } = await densenetAlone(['train', ...SMALL, '--output', at('piped')], {
    onOutput: (_, child) => child.stdout?.destroy(),
  })
  expect(code).toBe(0)
  expect(await weights('piped')).toEqual(await weights('unbroken'))
})

test('a damaged last checkpoint: one warning, the one before, the same weights', async () => {
  const args = [...SMALL, '--output', at('damaged')]
  await densenet(['train', ...args])
  const last = join(at('damaged'), 'last.safetensors')
  const bytes = readFileSync(last)
  bytes[bytes.length - 1]! ^= 255
  writeFileSync(last, bytes)
  const { code, err, out } = await densenet(['train', '--resume', at('damaged')])
  expect(err).toBe(
    `warning: ${last} is damaged (checksum differs); going on from the checkpoint before it: epoch 3, step 0\n`,
  )
  expect(code).toBe(0)
  expect(out).toContain('going on from epoch 3, step 0')
  expect(await weights('damaged')).toEqual(await weights('unbroken'))
})

test('a finished run says so; more epochs can be asked for', async () => {
  const done = await densenet(['train', '--resume', at('unbroken')])
  expect(done).toMatchObject({ code: 0, err: '' })
  expect(done.out).toMatch(
    /^all 3 epochs of this run are done; --epochs with a larger number trains on\nfinal test error/,
  )
  expect(await densenet(['train', '--resume', at('unbroken'), '--epochs=2'])).toMatchObject({
    code: 2,
    err: `error: the run in ${at('unbroken')} has made 3 epochs already, more than 2\n`,
  })
})

test('--json prints JSON lines', async () => {
  const { out } = await densenet(['train', ...SMALL, '--epochs=1', '--json'], { cwd: folder })
  const events = out
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['start', 'step', 'checkpoint', 'epoch', 'end']))
  expect(existsSync(at('runs/densenet-1'))).toBe(true)
})

describe('densenet test', () => {
  const flags = ['--backend=reference', '--test-limit=16']

  test('gives the figures of the run', async () => {
    const { code, out } = await densenet(['test', at('unbroken'), ...flags])
    expect(code).toBe(0)
    const error = /final test error (.*? %) \(top-5 (.*? %)\)/.exec(unbroken.out)!
    expect(out).toContain(`error ${error[1]}   top-5 error ${error[2]}`)
  })

  test('of one file, as JSON', async () => {
    const { out } = await densenet(['test', join(at('unbroken'), 'best.safetensors'), ...flags, '--json'])
    expect(JSON.parse(out)).toMatchObject({ dataset: 'synthetic', images: 16, top1Error: expect.any(Number) })
  })
})
