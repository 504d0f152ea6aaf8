// Tiny things to train with: seconds on the reference backend, a thousand runs a day.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { ArrayDataset } from '../../dist/images/dataset.js'
import type { DenseNetOptions } from '../../dist/model/config.js'

/** A network of 8 x 8 images with everything in it: bottlenecks, compression, dropout, two blocks. */
export const TINY: DenseNetOptions = {
  blocks: [1, 1],
  growthRate: 2,
  bottleneck: true,
  bottleneckWidth: 2,
  dropRate: 0.1,
  classes: 3,
  height: 8,
  width: 8,
}

/** Images whose class can be seen: one colour is brighter. */
export function tinyDataset(split: 'train' | 'test', length: number): ArrayDataset {
  const images = new Uint8Array(new SharedArrayBuffer(length * 3 * 64))
  const labels = new Uint16Array(new SharedArrayBuffer(2 * length))
  for (let i = 0; i < length; i++) {
    const label = (i * 7 + (split === 'test' ? 1 : 0)) % 3
    labels[i] = label
    for (let j = 0; j < 192; j++) {
      const noise = (i * 31 + j * 17 + ((i * j) % 13) * 5) % 100
      images[i * 192 + j] = noise + (Math.floor(j / 64) === label ? 120 : 40)
    }
  }
  return {
    name: 'tiny',
    split,
    classes: ['red', 'green', 'blue'],
    channels: 3,
    height: 8,
    width: 8,
    length,
    images,
    labels,
    normalisation: { mean: [100, 100, 100], deviation: [50, 50, 50] },
  }
}

/** Images of the same classes, any of them at once: those whose colours are bright. */
export function markedDataset(split: 'train' | 'test', length: number): ArrayDataset {
  const tiny = tinyDataset(split, length)
  const targets = new Uint8Array(new SharedArrayBuffer(3 * length))
  for (let i = 0; i < length; i++) {
    const marks = (i * 5 + (split === 'test' ? 3 : 0)) % 8
    for (let c = 0; c < 3; c++) targets[3 * i + c] = (marks >> c) & 1
    tiny.labels[i] = Math.max(0, targets.subarray(3 * i, 3 * i + 3).indexOf(1))
    for (let j = 0; j < 192; j++) {
      tiny.images[i * 192 + j] = ((i * 31 + j * 17) % 60) + (targets[3 * i + Math.floor(j / 64)] ? 150 : 30)
    }
  }
  return { ...tiny, name: 'marks', targets }
}

/** A folder that is gone after the tests of a file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
