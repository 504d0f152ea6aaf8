// The original Torch program's own float64 numbers (test/golden/original): the engine must take the same five steps.
import { describe, expect, test } from 'vitest'
import { createNativeBackend } from '../../dist/backends/native/backend.js'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createSession } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { relativeError, worstTensor } from '../golden/compare.js'
import { ORIGINAL_BATCH, original, originalBatch, originalNumbers } from '../golden/original/numbers.js'
import { instructionSetsFor } from '../native-available.js'

const TOLERANCE = 1e-9
const precision = 'float64'
const reference = () => createReferenceBackend({ precision, poisonArena: true })
const natives = instructionSetsFor(precision).map(
  instructionSet => [`native ${instructionSet}`, () => createNativeBackend({ instructionSet, precision })] as const,
)
// The reference recomputes in reference-golden.test.ts, in a tenth of the time.
const CASES = [
  { name: 'reference', open: reference, memory: 'store' as const },
  ...natives.flatMap(([name, open]) => (['store', 'recompute'] as const).map(memory => ({ name, open, memory }))),
]

describe.each(CASES)('five steps as the original takes them, $name, memory "$memory"', ({ open, memory }) => {
  test('losses, logits, gradient, parameters, momentum and running statistics', async () => {
    const backend = open()
    const net = architecture(resolveConfig({ depth: 22, growthRate: 12, bottleneck: true, reduction: 0.5 }))
    const optimizer = { momentum: 0.9, weightDecay: 1e-4, nesterov: true }
    const session = await createSession(net, backend, { batchSize: ORIGINAL_BATCH, memory, optimizer })
    const { parameters, running } = session.table
    expect(session.table.parameterCount).toBe(original.parameter_count)
    const initial = Float64Array.from({ length: session.table.runningCount })
    for (const { name, offset, count } of running) initial.fill(name.endsWith('var') ? 1 : 0, offset, offset + count)
    await session.writeState({ parameters: originalNumbers('params_init'), running: initial })

    const errors: Record<string, number> = {}
    const compareState = async (step: number): Promise<void> => {
      const state = await session.readState()
      errors[`parameters ${step}`] = worstTensor(
        parameters,
        state.parameters,
        originalNumbers(`params_step${step}`),
      ).error
      if (step === 5)
        errors.momentum = worstTensor(parameters, state.training.velocity!, originalNumbers('momentum_step5')).error
      for (const [statistic, suffix] of [
        ['mean', 'running_mean'],
        ['var', 'running_var'],
      ] as const) {
        const expected = originalNumbers(`bn_running_${statistic}_step${step}`)
        const actual = running
          .filter(({ name }) => name.endsWith(suffix))
          .flatMap(({ offset, count }) => [...state.running.subarray(offset, offset + count)])
        errors[`running ${statistic} ${step}`] = relativeError(actual, expected)
      }
    }

    for (let step = 0; step < original.steps; step++) {
      const { losses } = await session.trainStep(originalBatch(step), { learningRate: 0.1 })
      const loss = Array.from(losses).reduce((sum, x) => sum + x, 0) / ORIGINAL_BATCH
      errors[`loss ${step + 1}`] = relativeError([loss], [original.losses[step]])
      if (step === 0) {
        errors['gradient 1'] = worstTensor(parameters, await session.gradients(), originalNumbers('grad_step1')).error
        errors['logits 1'] = relativeError(
          await session.logits(ORIGINAL_BATCH),
          original.logits_train_mode_step1.flat(),
        )
        await compareState(1)
      }
    }
    errors['logits 5'] = relativeError(await session.logits(ORIGINAL_BATCH), original.logits_train_mode_step5.flat())
    await compareState(5)
    await session.evaluate(originalBatch(0))
    const evaluated = original.logits_evaluate_after_step5_on_batch1.flat()
    errors['logits in evaluate mode'] = relativeError(await session.logits(ORIGINAL_BATCH), evaluated)
    session.dispose()
    backend.dispose()

    if (process.env.DENSENET_SHOW_ERRORS) console.table(errors)
    const bad = Object.entries(errors).filter(([, error]) => !(error <= TOLERANCE))
    expect(bad).toEqual([])
  })
})
