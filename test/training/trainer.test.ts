// The loop itself, with a session that does no arithmetic.
import { describe, expect, test } from 'vitest'
import type { Batch } from '../../dist/data/dataset.js'
import type { Session } from '../../dist/engine/session.js'
import type { Progress } from '../../dist/training/checkpoint.js'
import type { TrainingEvent } from '../../dist/training/events.js'
import { constant } from '../../dist/training/schedule.js'
import { type BatchSource, type TrainerOptions, train } from '../../dist/training/trainer.js'

const source = (batchesPerEpoch: number): BatchSource => ({
  batchesPerEpoch,
  async *epoch(_, { firstBatch = 0 } = {}): AsyncGenerator<Batch> {
    for (let index = firstBatch; index < batchesPerEpoch; index++) {
      yield { index, size: 2, images: new Float32Array(2), labels: new Float32Array(2), indices: new Uint32Array(2) }
    }
  },
})

/** Every step's loss is what `loss` says of its number. */
function session(loss: (step: number) => number, ranks: readonly number[] = [0, 1]): Session {
  const result = (value: number) => ({ losses: Float32Array.of(value, value), ranks: Float32Array.from(ranks) })
  return {
    trainStep: async (_: unknown, { step = 0 }: { step?: number }) => result(loss(step)),
    evaluate: async () => result(1),
  } as unknown as Session
}

function setUp(options: Partial<TrainerOptions>) {
  const events: TrainingEvent[] = []
  const saves: [kind: string, progress: Progress][] = []
  const run = (): ReturnType<typeof train> =>
    train({
      session: session(() => 1),
      train: source(3),
      test: source(2),
      epochs: 2,
      schedule: constant(0.1),
      seed: 0,
      onEvent: event => events.push(event),
      save: async (kind, progress) => void saves.push([kind, progress]),
      checkpointSeconds: 1000,
      ...options,
    })
  return { events, saves, run }
}

test('events and checkpoints come in order', async () => {
  const { events, saves, run } = setUp({})
  await run()
  const epoch = ['step', 'step', 'step', 'evaluation', 'evaluation', 'epoch']
  expect(events.map(({ type }) => type)).toEqual([...epoch, ...epoch, 'end'])
  expect(saves.map(([kind, { epoch, nextBatch }]) => [kind, epoch, nextBatch])).toEqual([
    ['last', 1, 0],
    ['best', 2, 0],
    ['last', 2, 0],
    ['last', 3, 0],
  ])
})

test('saves every so often within an epoch', async () => {
  const { saves, run } = setUp({ checkpointSeconds: 0 })
  await run()
  expect(saves.filter(([kind]) => kind === 'last')).toHaveLength(1 + 2 * 4)
})

describe('a loss that is not finite', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY])('%d stops the run and saves nothing after it', async bad => {
    const { saves, run } = setUp({ session: session(step => (step === 4 ? bad : 1)) })
    await expect(run()).rejects.toThrow(
      expect.objectContaining({
        code: 'failed',
        message: `the loss is ${bad} at epoch 2, step 2 (learning rate 0.1)`,
        hint: expect.stringMatching(/lower learning rate \(--lr 0.01\)/),
      }),
    )
    expect(saves.at(-1)![1].step).toBe(3)
  })
})

test('the best epoch is the first with the lowest error, the final one the last', async () => {
  const { run } = setUp({})
  const { final, best } = await run()
  expect([final?.epoch, best?.epoch]).toEqual([2, 1])
  expect(final?.top1Error).toBe(50)
})

test('without test images there is no best', async () => {
  const { saves, run } = setUp({ test: null })
  expect(await run()).toMatchObject({ stopped: false, final: null, best: null })
  expect(saves.some(([kind]) => kind === 'best')).toBe(false)
})

test('stopping during the evaluation leaves the epoch to be evaluated again', async () => {
  const controller = new AbortController()
  const { events, saves, run } = setUp({
    signal: controller.signal,
    onEvent: event => {
      if (event.type === 'evaluation') controller.abort()
    },
  })
  expect((await run()).stopped).toBe(true)
  expect(events.some(({ type }) => type === 'epoch')).toBe(false)
  const [, progress] = saves.at(-1)!
  expect(progress).toMatchObject({ epoch: 1, nextBatch: 3, step: 3 })
  const again = setUp({ from: progress })
  await again.run()
  expect(again.events.slice(0, 3).map(({ type }) => type)).toEqual(['evaluation', 'evaluation', 'epoch'])
})

test('a failing save stops the run with its error', async () => {
  const { run } = setUp({ save: async () => Promise.reject(new Error('no space')) })
  await expect(run()).rejects.toThrow('no space')
})
