// The original Torch program's own float64 numbers (test/golden/seed): the engine must take the same five steps.
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import type { MemoryMode } from '../../dist/engine/planner.js'
import { createSession } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { relativeError, worstTensor } from '../golden/compare.js'
import { SEED_BATCH, seed, seedBatch, seedNumbers } from '../golden/seed/numbers.js'

const TOLERANCE = 1e-9

describe.each<MemoryMode>(['store', 'recompute'])('five steps as the seed takes them, memory "%s"', memory => {
  test('losses, logits, gradient, parameters, momentum and running statistics', async () => {
    const net = architecture(resolveConfig({ depth: 22, growthRate: 12, bottleneck: true, reduction: 0.5 }))
    const backend = createReferenceBackend({ elementType: 'float64', poisonArena: true })
    const optimizer = { momentum: 0.9, weightDecay: 1e-4, nesterov: true }
    const session = await createSession(net, backend, { batchSize: SEED_BATCH, memory, optimizer })
    const { parameters, running } = session.table
    expect(session.table.parameterCount).toBe(seed.parameter_count)
    const initial = Float64Array.from({ length: session.table.runningCount })
    for (const { name, offset, count } of running) initial.fill(name.endsWith('var') ? 1 : 0, offset, offset + count)
    await session.writeState({ parameters: seedNumbers('params_init'), running: initial })

    const errors: Record<string, number> = {}
    const compareState = async (step: number): Promise<void> => {
      const state = await session.readState()
      errors[`parameters ${step}`] = worstTensor(parameters, state.parameters, seedNumbers(`params_step${step}`)).error
      if (step === 5)
        errors.momentum = worstTensor(parameters, state.training.velocity!, seedNumbers('momentum_step5')).error
      for (const [statistic, suffix] of [
        ['mean', 'running_mean'],
        ['var', 'running_var'],
      ] as const) {
        const expected = seedNumbers(`bn_running_${statistic}_step${step}`)
        const actual = running
          .filter(({ name }) => name.endsWith(suffix))
          .flatMap(({ offset, count }) => [...state.running.subarray(offset, offset + count)])
        errors[`running ${statistic} ${step}`] = relativeError(actual, expected)
      }
    }

    for (let step = 0; step < seed.steps; step++) {
      const { losses } = await session.trainStep(seedBatch(step), { learningRate: 0.1 })
      const loss = Array.from(losses).reduce((sum, x) => sum + x, 0) / SEED_BATCH
      errors[`loss ${step + 1}`] = relativeError([loss], [seed.losses[step]])
      if (step === 0) {
        errors['gradient 1'] = worstTensor(parameters, await session.gradients(), seedNumbers('grad_step1')).error
        errors['logits 1'] = relativeError(await session.logits(SEED_BATCH), seed.logits_train_mode_step1.flat())
        await compareState(1)
      }
    }
    errors['logits 5'] = relativeError(await session.logits(SEED_BATCH), seed.logits_train_mode_step5.flat())
    await compareState(5)
    await session.evaluate(seedBatch(0))
    const evaluated = seed.logits_evaluate_after_step5_on_batch1.flat()
    errors['logits in evaluate mode'] = relativeError(await session.logits(SEED_BATCH), evaluated)
    session.dispose()

    if (process.env.DENSENET_SHOW_ERRORS) console.table(errors)
    const bad = Object.entries(errors).filter(([, error]) => !(error <= TOLERANCE))
    expect(bad).toEqual([])
  })
})
