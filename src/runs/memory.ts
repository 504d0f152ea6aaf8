// The memory of Node and its machine, for predictions.
import { freemem, totalmem } from 'node:os'
import * as fitting from '../fitting/memory.js'
import type { DenseNetConfig } from '../model/config.js'

const NODE_VERSION = Number.parseInt(process.versions.node, 10)

export const nodeMachine: fitting.Machine = {
  // Measured with Node 20, 22 and 24 on x64: what a training of densenet-bc-40-12 at batch 8 takes beyond the other parts.
  program: NODE_VERSION < 22 ? 88e6 : NODE_VERSION < 24 ? 108e6 : 117e6,
  // What the machine has free, or what the container's limit leaves if that is less.
  free: () => Math.min(freemem(), process.availableMemory?.() ?? Number.POSITIVE_INFINITY),
  all: machineBytes,
}

/** Bytes of a training process, part by part, but for the images of the data set; nothing is allocated. */
export const predictMemory = (config: DenseNetConfig, options: fitting.MemoryOptions): fitting.TrainingMemory =>
  fitting.predictMemory(config, options, nodeMachine).predicted

/** Memory of the machine, or of the container if that is less. */
export function machineBytes(): number {
  const limit = process.constrainedMemory?.() ?? 0
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}
