// The loop itself, with a session that does no arithmetic.
import { describe, expect, test } from 'vitest'
import type { Batch } from '../../dist/data/dataset.js'
import type { Session, StepArguments } from '../../dist/engine/session.js'
import type { Progress } from '../../dist/training/checkpoint.js'
import type { TrainingEvent } from '../../dist/training/events.js'
import { PAPER_RECIPE, type Recipe } from '../../dist/training/recipe.js'
import { constant } from '../../dist/training/schedule.js'
import { type BatchSource, type TrainerOptions, train } from '../../dist/training/trainer.js'
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
