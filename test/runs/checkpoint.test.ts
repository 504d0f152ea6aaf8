// A checkpoint holds everything, detects any damage, and is never half written.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DenseNetError } from '../../dist/errors.js'
import type { Checkpoint } from '../../dist/fitting/checkpoint.js'
import { decodeSafetensors, encodeSafetensors } from '../../dist/interop/safetensors.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { readCheckpoint, writeCheckpoint } from '../../dist/runs/checkpoint.js'
import { PAPER_RECIPE } from '../../dist/training/recipe.js'
import { TINY, temporaryFolder } from '../training/fixtures.js'

const folder = temporaryFolder()
const config = resolveConfig(TINY)
const table = parameterTable(architecture(config))
const numbers = (count: number, of: (i: number) => number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => of(i))

const checkpoint: Checkpoint = {
  config,
  classes: ['red', 'green', 'blue'],
  normalisation: { mean: [1, 2, 3], deviation: [4, 5, 6] },
  preprocessing: { resize: 64, crop: 56, interpolation: 'bicubic' },
  dataset: { name: 'tiny', trainImages: 12, testImages: 6 },
  recipe: { ...PAPER_RECIPE, seed: 5 },
  progress: {
    epoch: 3,
    nextBatch: 212,
    step: 1776,
    updates: 888,
    pendingImages: 64,
    plateau: { scale: 0.1, best: 1.0000000001, waited: 3 },
    sums: { images: 13_568, loss: 1234.5678901234567, top1Wrong: 5000, top5Wrong: 17 },
    final: { epoch: 2, loss: 1, top1Error: 40, top5Error: 0 },
    ranking: [{ epoch: 1, loss: 1.1, top1Error: 39.5, top5Error: 0 }],
    logBytes: 4711,
  },
  state: {
    parameters: numbers(table.parameterCount, i => Math.sin(i)),
    running: numbers(table.runningCount, i => Math.cos(i)),
    training: {
      velocity: numbers(table.parameterCount, i => i / 7),
      averageRunning: numbers(table.runningCount, i => i / 3),
    },
  },
}

test('a run in progress comes back whole', async () => {
  const path = join(folder, 'whole.safetensors')
  await writeCheckpoint(path, checkpoint)
  expect(await readCheckpoint(path)).toEqual(checkpoint)
})

test('float64 weights stay float64', async () => {
  const path = join(folder, 'double.safetensors')
  const state = { ...checkpoint.state, parameters: Float64Array.from(checkpoint.state.parameters, x => x + 1e-12) }
  await writeCheckpoint(path, { ...checkpoint, state })
  expect((await readCheckpoint(path)).state).toEqual(state)
})

test("names and shapes are torchvision's", async () => {
  const path = join(folder, 'names.safetensors')
  await writeCheckpoint(path, checkpoint)
  const { tensors } = decodeSafetensors(readFileSync(path), path)
  expect(tensors.get('features.denseblock1.denselayer1.conv1.weight')?.shape).toEqual([4, 4, 1, 1])
  expect(tensors.get('features.denseblock1.denselayer1.norm1.running_var')?.shape).toEqual([4])
  expect(tensors.has('optimizer.velocity.classifier.bias')).toBe(true)
})

describe('damage', () => {
  test('any changed byte is noticed', async () => {
    const path = join(folder, 'changed.safetensors')
    await writeCheckpoint(path, checkpoint)
    const whole = readFileSync(path)
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const damaged = Uint8Array.from(whole)
        damaged[at] = damaged[at]! ^ change
        writeFileSync(path, damaged)
        await expect(readCheckpoint(path)).rejects.toThrow(DenseNetError)
      }),
      { numRuns: 300 },
    )
  })

  test('a file cut short is noticed', async () => {
    const path = join(folder, 'short.safetensors')
    await writeCheckpoint(path, checkpoint)
    writeFileSync(path, readFileSync(path).subarray(0, -100))
    await expect(readCheckpoint(path)).rejects.toThrow(/is no valid safetensors file: .* cut short/)
  })

  test('a missing file, a folder, and foreign weights', async () => {
    await expect(readCheckpoint(join(folder, 'none'))).rejects.toThrow(/there is no checkpoint .*none/)
    await expect(readCheckpoint(folder)).rejects.toThrow(/is a folder, not a checkpoint/)
    const path = join(folder, 'foreign.safetensors')
    writeFileSync(path, Buffer.concat(encodeSafetensors(new Map([['w', { shape: [1], data: Float32Array.of(1) }]]))))
    await expect(readCheckpoint(path)).rejects.toThrow(/without a description of their network/)
  })
})

test('writing replaces the file at once, and keeps the one before under another name', async () => {
  const path = join(folder, 'last.safetensors')
  const kept = join(folder, 'last.previous.safetensors')
  const at = (epoch: number): Checkpoint => ({ ...checkpoint, progress: { ...checkpoint.progress!, epoch } })
  for (const epoch of [1, 2, 3]) await writeCheckpoint(path, at(epoch), kept)
  expect((await readCheckpoint(path)).progress?.epoch).toBe(3)
  expect((await readCheckpoint(kept)).progress?.epoch).toBe(2)
  expect(readdirSync(folder).filter(name => name.endsWith('.new'))).toEqual([])
})

test('a failed write is one sentence and leaves the old file', async () => {
  const path = join(folder, 'nowhere', 'last.safetensors')
  await expect(writeCheckpoint(path, checkpoint)).rejects.toThrow(/missing while writing .*last.safetensors/)
})
