// What `densenet summary` predicts is what a process then takes: whole training runs, measured by the operating system.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { DenseNet } from '../../dist/densenet.js'
import type { Precision } from '../../dist/engine/backend.js'
import { instructionSets } from '../native-available.js'
import { temporaryFolder } from '../training/fixtures.js'

const PROCESS = fileURLToPath(new URL('memory-process.mjs', import.meta.url))
const folder = temporaryFolder()

/** Bytes of a process that trains one epoch of five batches. */
async function measured(model: string, batchSize: number, memory: string, precision: Precision): Promise<number> {
  const output = join(folder, `${model}-${batchSize}-${memory}-${precision}`)
  const words = [PROCESS, model, `${batchSize}`, memory, output, precision]
  const { stdout } = await promisify(execFile)(process.execPath, words)
  return Number(stdout)
}

/** The fifth column: what a run may take at most, in MB, whatever is predicted. */
const RUNS = [
  ['densenet-bc-40-12', 8, 'store', 'float32', 200],
  ['densenet-bc-100-12', 64, 'store', 'bfloat16', 360],
  ['densenet-bc-100-12', 64, 'recompute', 'float32', 320],
  ['densenet-121', 8, 'store', 'float32', 700],
] as const

describe.skipIf(instructionSets.length === 0 || process.platform !== 'linux')('a training process', () => {
  test.each(RUNS)('of %s at batch %i, %s, %s: as predicted within a tenth, below %i MB', async (...run) => {
    const [model, batchSize, memory, precision, most] = run
    const predicted = DenseNet.create(model).summary({ batchSize, precision }).training[memory].total
    const actual = await measured(model, batchSize, memory, precision)
    console.log(
      `${model} ${batchSize} ${memory} ${precision}: ${predicted / 1e6} MB predicted, ${actual / 1e6} MB taken`,
    )
    expect(actual / predicted).toBeGreaterThan(0.9)
    expect(actual / predicted).toBeLessThan(1.1)
    expect(actual).toBeLessThan(most * 1e6)
  })

  test('of the largest CIFAR network stays below its bar by prediction', () => {
    const { store, recompute } = DenseNet.create('densenet-bc-190-40').summary({ batchSize: 64 }).training
    expect(store.total).toBeLessThan(3.6e9)
    expect(recompute.total).toBeLessThan(1.8e9)
  })
})
