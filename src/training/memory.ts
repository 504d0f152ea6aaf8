// The bytes a training step will take, before anything is allocated: the planner knows the arena to the last element.
import { totalmem } from 'node:os'
import { type MemoryMode, plan } from '../engine/planner.js'
import { usageError } from '../errors.js'
import { architecture } from '../model/architecture.js'
import type { DenseNetConfig } from '../model/config.js'
import { parameterTable } from '../model/parameters.js'

/** Bytes of parameters, gradients, momentum, statistics, one batch and all activations, in float32. */
export function trainingBytes(config: DenseNetConfig, batchSize: number, memory: MemoryMode): number {
  const described = architecture(config)
  const { parameterCount, runningCount } = parameterTable(described)
  const { arenaElements } = plan(described, { mode: 'train', batchSize, memory })
  const { inputChannels, height, width, classes } = config
  const batch = batchSize * (inputChannels * height * width + classes + 3)
  return 4 * (3 * parameterCount + runningCount + batch + arenaElements)
}

/** Refuses a step that this machine has no room for; else its bytes. */
export function checkMemory(config: DenseNetConfig, batchSize: number, memory: MemoryMode): number {
  const needed = trainingBytes(config, batchSize, memory)
  const available = availableBytes()
  if (needed <= available) return needed
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
  throw usageError(
    `a training step at batch ${batchSize} takes ${gigabytes(needed)}, this machine has ${gigabytes(available)}`,
    memory === 'store'
      ? `--memory recompute takes ${gigabytes(trainingBytes(config, batchSize, 'recompute'))}; a smaller batch takes less`
      : 'a smaller batch takes less',
  )
}

/** Memory of the machine, or of the container if that is less. */
export function availableBytes(): number {
  const limit = process.constrainedMemory?.() ?? 0
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}
