// The loop itself, with a session that does no arithmetic.
import { describe, expect, test } from 'vitest'
import type { Session, StepArguments } from '../../dist/engine/session.js'
import type { Batch } from '../../dist/images/dataset.js'
import { localRanks } from '../../dist/ranks/local.js'
import type { TrainingEvent } from '../../dist/training/events.js'
import type { Progress } from '../../dist/training/progress.js'
import { PAPER_RECIPE, type Recipe } from '../../dist/training/recipe.js'
import { constant } from '../../dist/training/schedule.js'
import type { BatchSource } from '../../dist/training/source.js'
import { type TrainerOptions, train } from '../../dist/training/trainer.js'
import { readTraining } from '../golden/training.js'

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
      recipe: PAPER_RECIPE,
      keepBest: 1,
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

test('after epochs of a moment nothing is saved but the best, and the last at the end', async () => {
  const { saves, run } = setUp({ epochs: 4, leastCheckpointSeconds: 1000 })
  await run()
  expect(saves.map(([kind, { epoch }]) => [kind, epoch])).toEqual([
    ['last', 1],
    ['best', 2],
    ['last', 5],
  ])
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

test('a loss of the test images that is not finite stops it, too', async () => {
  const lost = { ...session(() => 1), evaluate: async () => ({ losses: [Number.NaN], ranks: [0] }) }
  const { saves, run } = setUp({ session: lost as unknown as Session })
  await expect(run()).rejects.toThrow('the loss of the test images is NaN after epoch 1 (learning rate 0.1)')
  expect(saves).toHaveLength(1)
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

test('ranks whose parameters are not the same after an epoch end', async () => {
  const runs = localRanks(2).map(ranks => setUp({ ranks, fingerprint: async () => `${ranks.rank}` }).run())
  for (const end of await Promise.allSettled(runs)) {
    expect(end).toMatchObject({ reason: { message: 'rank 1 has other parameters than rank 0 after epoch 1' } })
  }
})

describe('what the loop asks of a step', () => {
  /** The arguments of every step. */
  async function steps(recipe: Partial<Recipe>, options: Partial<TrainerOptions> = {}): Promise<StepArguments[]> {
    const seen: StepArguments[] = []
    const recording = {
      ...session(() => 1),
      trainStep: async (_: unknown, args: StepArguments) => {
        seen.push(args)
        return { losses: Float32Array.of(1, 1), ranks: Float32Array.of(0, 0) }
      },
    } as unknown as Session
    await setUp({ session: recording, recipe: { ...PAPER_RECIPE, ...recipe }, ...options }).run()
    return seen
  }

  test('an update after every `accumulate` batches, and after the last of an epoch', async () => {
    const seen = await steps({ accumulate: 2 })
    expect(seen.map(({ update }) => update)).toEqual([false, true, true, false, true, true])
    expect(seen.map(({ pendingImages }) => pendingImages)).toEqual([0, 2, 0, 0, 2, 0])
    expect(seen.map(({ updates }) => updates)).toEqual([0, 0, 1, 2, 2, 3])
    expect(seen.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5])
  })

  describe('where batches are missing, all of their images being unreadable', () => {
    /** What the session is asked to do, of an epoch of seven batches in updates of three. */
    async function asked(missing: readonly number[], options: Partial<TrainerOptions> = {}) {
      const whole = source(7)
      const gaps: BatchSource = {
        ...whole,
        async *epoch(epoch, given) {
          for await (const batch of whole.epoch(epoch, given)) if (!missing.includes(batch.index)) yield batch
        },
      }
      const seen: unknown[] = []
      const recording = {
        ...session(() => 1),
        trainStep: async (_: unknown, { update, pendingImages, updates }: StepArguments) => {
          seen.push([update ? 'step, update' : 'step', pendingImages, updates])
          return { losses: Float32Array.of(1, 1), ranks: Float32Array.of(0, 0) }
        },
        finishUpdate: async ({ pendingImages, updates, learningRate }: StepArguments) => {
          seen.push(['update', pendingImages, updates, learningRate])
        },
      } as unknown as Session
      const recipe = { ...PAPER_RECIPE, accumulate: 3 }
      const schedule = ({ iteration }: { iteration: number }): number => iteration
      const run = setUp({ session: recording, train: gaps, epochs: 1, recipe, schedule, ...options })
      return { seen, progress: (await run.run()).progress, saves: run.saves }
    }

    test('the update that such a batch was to make is made without it, at its rate', async () => {
      const { seen, progress } = await asked([2])
      expect(seen).toEqual([
        ['step', 0, 0],
        ['step', 2, 0],
        ['update', 4, 0, 3],
        ['step', 0, 1],
        ['step', 2, 1],
        ['step, update', 4, 1],
        ['step, update', 0, 2],
      ])
      expect(progress).toMatchObject({ updates: 3, pendingImages: 0, step: 6 })
    })

    test('also at the end of an epoch, and over several of them', async () => {
      expect((await asked([4, 5, 6])).seen.slice(3)).toEqual([
        ['step', 0, 1],
        ['update', 2, 1, 6],
      ])
      expect((await asked([2, 3, 4, 5])).seen).toEqual([
        ['step', 0, 0],
        ['step', 2, 0],
        ['update', 4, 0, 3],
        ['step, update', 0, 1],
      ])
    })

    test('nothing is made of nothing', async () => {
      expect((await asked([0, 1, 2, 6])).seen).toEqual([
        ['step', 0, 0],
        ['step', 2, 0],
        ['step, update', 4, 0],
      ])
    })

    test('and just so where the run is stopped before such a batch and gone on with', async () => {
      const whole = await asked([2, 6])
      const controller = new AbortController()
      const stopped = await asked([2, 6], {
        signal: controller.signal,
        onEvent: event => {
          if (event.type === 'step' && event.batch === 2) controller.abort()
        },
      })
      const again = await asked([2, 6], { from: stopped.saves.at(-1)![1] })
      expect([...stopped.seen, ...again.seen]).toEqual(whole.seen)
      expect(again.progress).toEqual(whole.progress)
    })
  })

  test('an average that keeps little at first', async () => {
    const seen = await steps({ ema: 0.2 })
    expect(seen.map(({ averageKeeps }) => averageKeeps)).toEqual([1 / 10, 2 / 11, 0.2, 0.2, 0.2, 0.2])
  })

  test("on a plateau the rates of PyTorch's ReduceLROnPlateau", async () => {
    const { patience, losses, rates } = readTraining().plateau
    let epoch = 0
    const judged = { ...session(() => 1), evaluate: async () => evaluated(losses[epoch]!) } as unknown as Session
    const evaluated = (loss: number) => ({ losses: Float64Array.of(loss), ranks: Float64Array.of(0) })
    const seen: number[] = []
    await setUp({
      session: judged,
      epochs: losses.length,
      test: source(1),
      schedule: constant(0.5),
      recipe: { ...PAPER_RECIPE, schedule: 'plateau', plateauPatience: patience },
      onEvent: event => {
        if (event.type !== 'epoch') return
        seen.push(event.learningRate)
        epoch++
      },
    }).run()
    expect(seen).toHaveLength(rates.length)
    for (const [i, rate] of rates.entries()) expect(seen[i]! / rate).toBeCloseTo(1, 12)
  })
})

describe('errors of the epochs', () => {
  /** Runs epochs with these numbers of wrong images of ten. */
  function withErrors(wrong: readonly number[], options: Partial<TrainerOptions>) {
    let epoch = 0
    const evaluate = async () => {
      const ranks = Float32Array.from({ length: 10 }, (_, i) => (i < wrong[epoch]! ? 1 : 0))
      epoch++
      return { losses: new Float32Array(10), ranks }
    }
    const judged = { ...session(() => 1), evaluate } as unknown as Session
    return setUp({ session: judged, epochs: wrong.length, test: source(1), ...options })
  }

  test('none lower for `patience` epochs end a run', async () => {
    const recipe = { ...PAPER_RECIPE, patience: 2 }
    const { events, saves, run } = withErrors([5, 4, 4, 6, 1, 1], { recipe })
    expect(await run()).toMatchObject({ stopped: false, early: true, best: { epoch: 2 }, final: { epoch: 4 } })
    expect(events.at(-1)).toMatchObject({ type: 'end', early: true })
    const again = withErrors([], { recipe, epochs: 6, from: saves.at(-1)![1] })
    expect(await again.run()).toMatchObject({ early: true, final: { epoch: 4 } })
    expect(again.events.map(({ type }) => type)).toEqual(['end'])
  })

  test('the best few are kept, of equal ones the earlier', async () => {
    const { saves, run } = withErrors([5, 4, 6, 4, 3], { keepBest: 2 })
    const { progress } = await run()
    expect(progress.ranking.map(({ epoch }) => epoch)).toEqual([5, 2])
    const kept = saves.filter(([kind]) => kind === 'kept').map(([, { epoch }]) => epoch - 1)
    expect(kept).toEqual([1, 2, 4, 5])
    expect(saves.filter(([kind]) => kind === 'best').map(([, { epoch }]) => epoch - 1)).toEqual([1, 2, 5])
  })
})
