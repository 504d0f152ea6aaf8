// A file of weights, one step of training and one answer, with nothing but the rooms that load anywhere.
import { createInference } from '../../dist/engine/inference.js'
import { createBackend, createSession } from '../../dist/entries/engine.js'
import { decodeWeights, importWeights } from '../../dist/entries/interop.js'
import { architecture } from '../../dist/entries/model.js'

export interface Answer {
  readonly backend: string
  readonly losses: number[]
  readonly logits: number[]
}

/** `file`: safetensors of a network for CIFAR. The logits are those after the step. */
export async function stepAndAnswer(file: Uint8Array): Promise<Answer> {
  const { config, parameters, running } = importWeights(await decodeWeights(file, 'weights.safetensors'))
  const backend = await createBackend({ backend: 'reference' })
  const net = architecture(config)
  const session = await createSession(net, backend, {
    batchSize: 2,
    optimizer: { momentum: 0.9, weightDecay: 1e-4, nesterov: true },
  })
  await session.writeState({ parameters, running })
  const pixels = config.inputChannels * config.height * config.width
  const images = Float32Array.from({ length: 2 * pixels }, (_, i) => ((i * 7919) % 511) / 255 - 1)
  const batch = { size: 2, images, labels: Uint16Array.of(1, 4) }
  const { losses } = await session.trainStep(batch, { learningRate: 0.1 })
  const inference = await createInference(net, backend, await session.readState(), { batchSize: 2 })
  const logits = await inference.run(images, 2)
  return { backend: backend.name, losses: [...losses], logits: [...logits] }
}
