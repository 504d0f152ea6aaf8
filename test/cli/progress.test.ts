// The progress line on terminals of any width, and plain lines where there is none, with a clock of our own.
import { describe, expect, test } from 'vitest'
import { duration, rounded, short } from '../../dist/cli/format.js'
import { createReporter } from '../../dist/cli/progress.js'
import { createTerminal } from '../../dist/cli/terminal.js'
import type { EpochEvent, StartEvent, StepEvent } from '../../dist/training/events.js'
import { PAPER_RECIPE, type Recipe } from '../../dist/training/recipe.js'

const START: StartEvent = {
  type: 'start',
  network: { name: 'densenet-bc-100-12', depth: 100, parameters: 769_162, multiplyAdds: 288e6 },
  compute: { backend: 'native: AVX2, 2 threads', memory: 'store', memoryReason: null, plannedBytes: 383e6 },
  dataset: 'cifar10',
  recipe: PAPER_RECIPE,
  epochs: 300,
  batchesPerEpoch: 782,
  trainImages: 50_000,
  testImages: 10_000,
  epoch: 1,
  batch: 0,
  step: 0,
}
const metrics = { loss: 1.4201, top1Error: 51.3, top5Error: 6 }
const step = (batch: number): StepEvent => ({
  type: 'step',
  epoch: 1,
  batch,
  batchesPerEpoch: 782,
  step: batch,
  learningRate: 0.1,
  loss: 1.5,
  top1Error: 50,
  images: 64,
  running: metrics,
  seconds: 0.94,
  waitedSeconds: 0,
  memoryBytes: 400e6,
})
const EPOCH: EpochEvent = {
  type: 'epoch',
  epoch: 1,
  epochs: 300,
  step: 782,
  learningRate: 0.1,
  train: metrics,
  on: 'test',
  test: { loss: 1.214, top1Error: 43.71, top5Error: 4 },
  best: { epoch: 1, loss: 1.214, top1Error: 43.71, top5Error: 4 },
  isBest: true,
  seconds: 700,
  testSeconds: 21,
  waitingShare: 0.03,
  memoryBytes: 400e6,
}

function watch(stream: { isTTY?: boolean; columns?: number }, environment: NodeJS.ProcessEnv = {}) {
  let text = ''
  let clock = 0
  const listeners = new Set<() => void>()
  const output = {
    ...stream,
    write: (piece: string) => (text += piece),
    on: (_: 'resize', listener: () => void) => listeners.add(listener),
    off: (_: 'resize', listener: () => void) => listeners.delete(listener),
  }
  const terminal = createTerminal(output, environment)
  const reporter = createReporter({ terminal, warn: message => (text += `warning: ${message}\n`), now: () => clock })
  return {
    reporter,
    /** What was written since the last call. */
    take: () => {
      const taken = text
      text = ''
      return taken
    },
    wait: (seconds: number) => (clock += 1000 * seconds),
    resize: (columns: number) => {
      output.columns = columns
      for (const listener of listeners) listener()
    },
  }
}

const HEADER = [
  'densenet-bc-100-12   769,162 parameters   288 M multiply-adds   100 layers',
  'cifar10              50,000 training, 10,000 test images   normalise, flip, pad 4 and crop',
]

describe('on a terminal', () => {
  test('one line, written over', () => {
    const { reporter, take, wait } = watch({ isTTY: true, columns: 140 }, { NO_COLOR: '1' })
    reporter.onEvent(START)
    expect(take().split('\n').slice(0, 2)).toEqual(HEADER)
    wait(1)
    reporter.onEvent(step(431))
    expect(take()).toBe(
      '\repoch   1/300  ███████████░░░░░░░░░  431/782  loss 1.420  error 51.3 %  68.1 images/s  6:30 left  (all: 68 h)\x1b[K',
    )
    reporter.onEvent(EPOCH)
    expect(take()).toBe(
      '\r\x1b[Kepoch   1/300  train loss 1.420  error 51.30 %   test loss 1.214  error 43.71 %   best   12:01   lr 0.1   3 % waiting for data\n',
    )
  })

  test('never wider than the window: the least important goes first', () => {
    const lines = [100, 80, 60, 45, 30, 12, 4, 20, 40].map(columns => {
      const { reporter, take, wait } = watch({ isTTY: true, columns }, { NO_COLOR: '1' })
      reporter.onEvent(START)
      take()
      wait(1)
      reporter.onEvent(step(431))
      const line = take().replace('\r', '').replace('\x1b[K', '')
      expect(line.length).toBeLessThan(columns)
      return line
    })
    expect(lines[1]).toBe('epoch   1/300  431/782  loss 1.420  error 51.3 %  68.1 images/s  6:30 left')
    expect(lines[3]).toBe('epoch   1/300  431/782  loss 1.420')
    expect(lines[5]).toBe('epoch   1/3')
  })

  test('finished lines of a narrow window are broken between their parts', () => {
    const { reporter, take } = watch({ isTTY: true, columns: 30 }, { NO_COLOR: '1' })
    reporter.onEvent(START)
    const header = take().trimEnd().split('\n')
    expect(header.slice(0, 2)).toEqual(['densenet-bc-100-12', '769,162 parameters'])
    reporter.onEvent(EPOCH)
    expect(take().trimEnd().split('\n')).toEqual([
      'epoch   1/300',
      'train loss 1.420',
      'error 51.30 %',
      'test loss 1.214',
      'error 43.71 %   best   12:01',
      'lr 0.1   3 % waiting for data',
    ])
  })

  test('made narrower in mid-run: the line is drawn anew, over the lines it was broken into', () => {
    const { reporter, take, wait, resize } = watch({ isTTY: true, columns: 140 }, { NO_COLOR: '1' })
    reporter.onEvent(START)
    wait(1)
    reporter.onEvent(step(431))
    take()
    resize(40)
    // 100 characters are three lines of 40: the cursor is in the third.
    expect(take()).toBe('\r\x1b[2A\x1b[Jepoch   1/300  431/782  loss 1.420\x1b[K')
    resize(200)
    expect(take()).toContain('(all: ')
    reporter.end()
    expect(take()).toBe('\r\x1b[K')
    resize(30)
    expect(take()).toBe('')
  })

  test('xterm cuts lines off, so nothing above is touched', () => {
    const { reporter, take, wait, resize } = watch(
      { isTTY: true, columns: 140 },
      { NO_COLOR: '1', XTERM_VERSION: 'XTerm(379)' },
    )
    reporter.onEvent(START)
    wait(1)
    reporter.onEvent(step(431))
    take()
    resize(40)
    expect(take()).toBe('\repoch   1/300  431/782  loss 1.420\x1b[K')
  })

  test('a window that tells no width, or none to speak of', () => {
    for (const columns of [0, 1, 2]) {
      const { reporter, take, wait } = watch({ isTTY: true, columns }, { NO_COLOR: '1' })
      reporter.onEvent(START)
      take()
      wait(1)
      reporter.onEvent(step(431))
      const line = take().replace('\r', '').replace('\x1b[K', '')
      expect(line.length).toBeLessThanOrEqual(columns === 0 ? 79 : columns - 1)
    }
  })

  test('the evaluation shows how long it still takes', () => {
    const { reporter, take, wait } = watch({ isTTY: true, columns: 140 }, { NO_COLOR: '1' })
    reporter.onEvent(START)
    wait(1)
    reporter.onEvent(step(782))
    take()
    wait(10)
    reporter.onEvent({ type: 'evaluation', epoch: 1, batch: 50, batches: 150 })
    expect(take()).toMatch(/epoch {3}1\/300 {2}testing 50\/150 {2}0:20 left/)
  })

  test('colours unless NO_COLOR', () => {
    const line = (environment: NodeJS.ProcessEnv): string => {
      const { reporter, take } = watch({ isTTY: true, columns: 140 }, environment)
      reporter.onEvent(START)
      take()
      reporter.onEvent(EPOCH)
      return take()
    }
    expect(line({})).toContain('\x1b[1m')
    expect(line({ NO_COLOR: '1' })).not.toContain('\x1b[')
    expect(line({ NO_COLOR: '' })).toContain('\x1b[1m')
  })

  test('not more than ten times a second', () => {
    const { reporter, take, wait } = watch({ isTTY: true, columns: 140 })
    reporter.onEvent(START)
    take()
    for (let batch = 1; batch <= 100; batch++) {
      wait(0.01)
      reporter.onEvent(step(batch))
    }
    expect(take().split('\r').length - 1).toBeLessThanOrEqual(10)
  })
})

describe('without a terminal', () => {
  test('one line per epoch, one a minute in between, no control characters', () => {
    const { reporter, take, wait } = watch({})
    reporter.onEvent(START)
    take()
    for (let batch = 1; batch <= 150; batch++) {
      wait(1)
      reporter.onEvent(step(batch))
    }
    reporter.onEvent(EPOCH)
    reporter.end()
    const text = take()
    expect(text.trimEnd().split('\n')).toEqual([
      expect.stringMatching(
        /^epoch {3}1\/300 {3}60\/782 {2}loss 1\.420 {2}error 51\.3 % {2}68\.1 images\/s {2}\d+:\d\d left {2}\(all: \d+ h\)$/,
      ),
      expect.stringMatching(/^epoch {3}1\/300 {2}120\/782/),
      expect.stringMatching(/^epoch {3}1\/300 {2}train loss/),
    ])
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the point
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/)
  })

  test.each([{ TERM: 'dumb' }, { CI: 'true' }])('a terminal with %j is none', environment => {
    const { reporter, take, wait } = watch({ isTTY: true, columns: 80 }, environment)
    reporter.onEvent(START)
    wait(1)
    reporter.onEvent(step(1))
    const text = take()
    expect(text).not.toContain('\r')
    expect(text).not.toContain('\x1b')
  })
})

test('figures', () => {
  expect([0, 59.6, 61, 721, 3600, 35_999, 36_000, 183_600, Number.NaN].map(duration)).toEqual([
    '0:00',
    '1:00',
    '1:01',
    '12:01',
    '1:00:00',
    '9:59:59',
    '10 h',
    '51 h',
    '?',
  ])
  expect([1234, 769_162, 1_234_567, 2.834e9].map(short)).toEqual(['1,234', '769,162', '1.23 M', '2.83 G'])
  expect([0.5, 99.94, 99.96, 1519.7].map(rounded)).toEqual(['0.500', '99.9', '100', '1,520'])
})

describe('a rate that no step has', () => {
  const header = (recipe: Partial<Recipe>, epochs: number, batchesPerEpoch = 782) => {
    const { reporter, take } = watch({})
    const event = { ...START, epochs, batchesPerEpoch, recipe: { ...PAPER_RECIPE, ...recipe, epochs } }
    reporter.onEvent(event)
    return take()
  }
  test.each<[Partial<Recipe>, number, number, string | null]>([
    [
      {},
      1,
      782,
      'no step has lr 0.1: over 1 epoch of 782 steps multistep comes to 0.001 at most; --schedule constant does',
    ],
    [
      {},
      2,
      782,
      'no step has lr 0.1: over 2 epochs of 782 steps multistep comes to 0.01 at most; --schedule constant does',
    ],
    [{}, 3, 782, null],
    [{ schedule: 'cosine' }, 1, 1, 'over 1 epoch of 1 step cosine comes to 0 at most; --schedule constant does'],
    [{ schedule: 'cosine' }, 1, 782, null],
    [{ schedule: 'one-cycle' }, 1, 782, null],
    [{ schedule: 'custom' }, 1, 782, null],
    [
      { schedule: 'constant', warmupEpochs: 8 },
      2,
      10,
      'steps constant, warmed up over 8 epochs, comes to 0.025 at most\n',
    ],
    [{ schedule: 'constant', warmupEpochs: 1 }, 2, 10, null],
  ])('%j over %i epochs of %i', (recipe, epochs, batches, words) => {
    if (words === null) expect(header(recipe, epochs, batches)).not.toContain('no step has')
    else expect(header(recipe, epochs, batches)).toContain(words)
  })
})
