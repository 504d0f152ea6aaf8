// PyTorch's float64 numbers (test/golden): small nets of every kind take the same five steps.
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import type { MemoryMode } from '../../dist/engine/planner.js'
import { createSession } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { relativeError } from '../golden/compare.js'
import { generate, generateAll, goldenNames, readGolden, summaryErrors } from '../golden/nets.js'

const TOLERANCE = 1e-9
const worstSummary = (...args: Parameters<typeof summaryErrors>): number => Math.max(0, ...summaryErrors(...args))

describe.each(goldenNames)('golden net "%s"', name => {
  const golden = readGolden(name)
  const { batch, options } = golden
  const config = resolveConfig(options)

  // A program may be given fewer images than it could take.
  test.each<[MemoryMode, number]>([
    ['store', batch],
    ['recompute', batch],
    ['recompute', batch + 2],
  ])('five steps, memory "%s", room for %i images', async (memory, batchSize) => {
    const backend = createReferenceBackend({ precision: 'float64', poisonArena: true })
    const session = await createSession(architecture(config), backend, { batchSize, memory, optimizer: golden.sgd })
    const { table } = session
    const shapes = (entries: readonly { name: string; shape: readonly number[] }[]) =>
      entries.map(({ name, shape }) => [name, ...shape])
    expect(shapes(table.parameters)).toEqual(shapes(golden.parameters))
    expect(shapes(table.running)).toEqual(shapes(golden.running))
    await session.writeState({ parameters: generateAll(golden.parameters), running: generateAll(golden.running) })

    const images = (step: number): Float64Array =>
      generate({ ...golden.input, number: golden.input.number + step }, batch * 3 * config.height * config.width)
    const logits = async (): Promise<ArrayLike<number>> => session.logits(batch)
    const errors: Record<string, number> = {}
    const compareState = async (step: 1 | 5): Promise<void> => {
      const state = await session.readState()
      errors[`parameters ${step}`] = worstSummary(table.parameters, state.parameters, golden[`parameters${step}`])
      errors[`running ${step}`] = worstSummary(table.running, state.running, golden[`running${step}`])
      if (step === 5) errors['momentum 5'] = worstSummary(table.parameters, state.training.velocity!, golden.velocity5)
    }

    for (let step = 0; step < golden.steps; step++) {
      const { losses, ranks } = await session.trainStep(
        { size: batch, images: images(step), labels: golden.labels[step]! },
        { learningRate: golden.learningRate, seed: golden.seed, step },
      )
      const loss = Array.from(losses).reduce((sum, x) => sum + x, 0) / batch
      errors[`loss ${step + 1}`] = relativeError([loss], [golden.losses[step]!])
      if (step > 0) continue
      expect([...ranks]).toEqual(golden.ranks1)
      errors['logits 1'] = relativeError(await logits(), golden.logits1)
      errors['gradient 1'] = worstSummary(table.parameters, await session.gradients(), golden.gradient1)
      await compareState(1)
    }
    errors['logits 5'] = relativeError(await logits(), golden.logits5)
    await compareState(5)
    await session.evaluate({ size: batch, images: images(0), labels: golden.labels[0]! })
    errors['logits in evaluate mode'] = relativeError(await logits(), golden.logitsEvaluated)
    session.dispose()

    if (process.env.DENSENET_SHOW_ERRORS) console.table(errors)
    const bad = Object.entries(errors).filter(([, error]) => !(error <= TOLERANCE))
    expect(bad).toEqual([])
  })
})
