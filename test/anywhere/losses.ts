// The first losses of a training, on any backend.
import type { Backend } from '../../dist/engine/backend.js'
import { createSession } from '../../dist/entries/engine.js'
import { architecture, initialParameters, initialRunning, preset } from '../../dist/entries/model.js'
import { randomStream } from '../../dist/util/random.js'

const BATCH = 8

export async function firstLosses(backend: Backend, steps: number): Promise<number[]> {
  const net = architecture(preset('densenet-bc-100-12', { depth: 22 }))
  const optimizer = { momentum: 0.9, weightDecay: 1e-4, nesterov: true }
  const session = await createSession(net, backend, { batchSize: BATCH, optimizer })
  await session.writeState({ parameters: initialParameters(session.table, 1), running: initialRunning(session.table) })
  const losses: number[] = []
  for (let step = 0; step < steps; step++) {
    const random = randomStream(2, 'shuffle', step)
    const images = Float32Array.from({ length: BATCH * 3072 }, () => random.normal())
    const labels = Float32Array.from({ length: BATCH }, () => random.integer(10))
    const result = await session.trainStep({ size: BATCH, images, labels }, { learningRate: 0.1, seed: 3, step })
    losses.push(...result.losses)
  }
  session.dispose()
  return losses
}
