// The estimate of the time that is left, by a simulated clock. The times of steps are real ones: three epochs of
// densenet-bc-40-12 (step-milliseconds.json.gz), on a computer that had other things to do as well.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { TimeEstimator } from '../../dist/runs/time-left.js'
import type { StartEvent, TrainingEvent } from '../../dist/training/events.js'
import { PAPER_RECIPE } from '../../dist/training/recipe.js'
import { permutation, randomStream } from '../../dist/util/random.js'

const real: number[][] = JSON.parse(
  gunzipSync(readFileSync(new URL('../training/step-milliseconds.json.gz', import.meta.url))).toString(),
)

interface Course {
  readonly epochs: readonly (readonly number[])[]
  readonly testSeconds: number
  readonly saveSeconds: number
  readonly testBatches?: number
  /** The run began with this step. */
  readonly first?: number
}

interface Moment {
  /** Since the start. */
  readonly at: number
  readonly left: { readonly epoch: number; readonly run: number }
  readonly true: { readonly epoch: number; readonly run: number }
}

/** Every moment at which a run of these times could have been asked. */
function replay({ epochs, testSeconds, saveSeconds, testBatches = 157, first = 0 }: Course): Moment[] {
  const estimator = new TimeEstimator()
  let clock = 1000
  const asked: { at: number; epoch: number; left: NonNullable<ReturnType<TimeEstimator['left']>> }[] = []
  const ends: number[] = []
  const heed = (event: object): void => estimator.heed(event as TrainingEvent, clock)
  const ask = (epoch: number): void => {
    const left = estimator.left(clock)
    if (left) asked.push({ at: clock, epoch, left })
  }
  const batchesPerEpoch = epochs[0]!.length
  const start: Partial<StartEvent> = { type: 'start', recipe: PAPER_RECIPE, epochs: epochs.length, batchesPerEpoch }
  heed({ ...start, testImages: 64 * testBatches, epoch: 1, batch: first, step: first })
  let saved = clock
  for (const [i, steps] of epochs.entries()) {
    const epoch = i + 1
    for (let batch = epoch === 1 ? first : 0; batch < batchesPerEpoch; batch++) {
      clock += steps[batch]! / 1000
      heed({ type: 'step', epoch, batch: batch + 1, batchesPerEpoch })
      ask(epoch)
      if (clock - saved > 60) {
        clock += saveSeconds
        heed({ type: 'checkpoint', kind: 'last' })
        saved = clock
      }
    }
    for (let batch = 1; batch <= testBatches; batch++) {
      clock += testSeconds / testBatches
      heed({ type: 'evaluation', epoch, batch, batches: testBatches })
      if (batch < testBatches) ask(epoch)
    }
    heed({ type: 'epoch', epoch, epochs: epochs.length, testSeconds })
    for (const kind of ['best', 'last']) {
      clock += saveSeconds
      heed({ type: 'checkpoint', kind })
    }
    saved = clock
    ends.push(clock)
  }
  return asked.map(({ at, epoch, left }) => ({
    at: at - 1000,
    left,
    true: { epoch: ends[epoch - 1]! - at, run: ends.at(-1)! - at },
  }))
}

const errors = (moments: readonly Moment[], of: 'epoch' | 'run'): number[] =>
  moments.map(({ left, true: truth }) => Math.abs(left[of] - truth[of]) / truth[of]).sort((a, b) => a - b)
const afterMinute = (moments: readonly Moment[]): Moment[] => moments.filter(({ at }) => at >= 60)
const share = (values: readonly number[], most: number): number =>
  values.filter(value => value <= most).length / values.length

describe('after the first minute', () => {
  const steady = Array.from({ length: 4 }, (_, epoch) =>
    Array.from({ length: 400 }, (_, i) => 480 + ((i * 7 + epoch) % 40)),
  )

  test('a steady run with long evaluations and checkpoints: right within 10 % at every moment', () => {
    for (const course of [
      { epochs: steady, testSeconds: 30, saveSeconds: 4 },
      { epochs: steady, testSeconds: 12, saveSeconds: 0.1 },
      { epochs: steady, testSeconds: 12, saveSeconds: 0.1, first: 250 },
    ]) {
      const moments = afterMinute(replay(course))
      const settled = moments.filter(({ at }) => at > 300)
      expect(errors(settled, 'run').at(-1)).toBeLessThan(0.1)
      expect(moments.length).toBeGreaterThan(1000)
      // The first evaluation is guessed at.
      expect(errors(moments, 'run').at(-1)).toBeLessThan(0.2)
      expect(share(errors(moments, 'run'), 0.1)).toBeGreaterThan(0.75)
    }
  })

  // As they came, they slow down and recover by a factor of two with what else the computer did, which nobody can foresee.
  test('real steps in random order: right within 10 % at nearly every moment', () => {
    for (const steps of real) {
      const order = (epoch: number): Uint32Array => permutation(steps.length, randomStream(1, 'shuffle', epoch))
      const epochs = [1, 2, 3, 4].map(epoch => [...order(epoch)].map(i => steps[i]!))
      const moments = afterMinute(replay({ epochs, testSeconds: 6, saveSeconds: 0.05 }))
      expect(share(errors(moments, 'run'), 0.1)).toBeGreaterThan(0.93)
      // The last seconds of an epoch are a matter of a few steps.
      expect(share(errors(moments, 'epoch'), 0.1)).toBeGreaterThan(0.85)
    }
  })

  test('a computer that slept tells nothing of the steps', () => {
    const steps = [...steady[0]!]
    steps[200] = 8 * 3600 * 1000
    const moments = replay({ epochs: [steps, steady[1]!, steady[2]!], testSeconds: 20, saveSeconds: 0.1 })
    const after = moments.filter(({ at }) => at > 8 * 3600)
    expect(errors(after, 'run').at(-1)).toBeLessThan(0.1)
  })
})

test('before the first step nothing is known; after the last one nothing is left', () => {
  const estimator = new TimeEstimator()
  expect(estimator.left(0)).toBeNull()
  const heed = (event: object, now: number): void => estimator.heed(event as TrainingEvent, now)
  heed({ type: 'start', recipe: PAPER_RECIPE, epochs: 1, batchesPerEpoch: 2, testImages: 0, epoch: 1, batch: 0 }, 0)
  expect(estimator.left(5)).toBeNull()
  heed({ type: 'step', epoch: 1, batch: 1, batchesPerEpoch: 2 }, 3)
  expect(estimator.left(3)).toEqual({ epoch: 3, run: 3 })
  heed({ type: 'step', epoch: 1, batch: 2, batchesPerEpoch: 2 }, 5)
  expect(estimator.left(5)).toEqual({ epoch: 0, run: 0 })
})
