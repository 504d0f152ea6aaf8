// densenet bench and what stands behind it: the figures are there and fit together; how large they are is not tested.
import { describe, expect, test } from 'vitest'
import { measureCalls, measureKernels } from '../../dist/bench/kernels.js'
import { measure } from '../../dist/bench/measure.js'
import { measureHere } from '../../dist/bench/measure-here.js'
import { completeWork, type Work } from '../../dist/bench/work.js'
import { median } from '../../dist/util/statistics.js'
import { densenet } from '../cli/run.js'
import { instructionSets } from '../native-available.js'

const SMALL: Work = { model: 'densenet-bc-10-4', task: 'train', batchSize: 4, imageSize: 8, iterations: 3, settle: 1 }
const native = instructionSets.length > 0

describe('a work', () => {
  test('gets a batch that suits the network', () => {
    expect(completeWork({ model: 'densenet-bc-40-12', task: 'train' })).toMatchObject({ batchSize: 64, imageSize: 32 })
    expect(completeWork({ model: 'densenet-121', task: 'train' })).toMatchObject({ batchSize: 8, imageSize: 224 })
  })

  test.each([
    [{ batchSize: 0 }, /batchSize/],
    [{ iterations: 1.5 }, /iterations/],
    [{ settle: -1 }, /settle/],
    [{ memory: 'auto' }, /expected store or recompute for memory/],
    [{ task: 'test' }, /expected train or infer for task/],
    [{ model: 'resnet-50' }, /no network "resnet-50"/],
  ])('%o is refused', (wrong, message) => {
    expect(() => completeWork({ ...SMALL, ...wrong } as Work)).toThrow(message)
  })

  test('median', () => {
    expect([median([3]), median([4, 1, 3]), median([4, 1, 3, 2])]).toEqual([3, 3, 2.5])
  })
})

describe('a measurement', () => {
  test.each(['train', 'infer'] as const)('of %s has time and memory', async task => {
    const result = await measureHere({ ...SMALL, task })
    expect(result).toMatchObject({ model: SMALL.model, task, batchSize: 4, imageSize: 8, kernels: null })
    expect(result.memory).toBe(task === 'train' ? 'store' : null)
    expect(result.parameters).toBeGreaterThan(500)
    expect(result.fastestSeconds).toBeGreaterThan(0)
    expect(result.medianSeconds).toBeGreaterThanOrEqual(result.fastestSeconds)
  })

  test.skipIf(process.platform !== 'linux')(
    'in a process of its own does not count the memory of this one',
    async () => {
      const ballast = new Uint8Array(600e6).fill(1)
      const { peakBytes } = await measure(SMALL)
      expect(peakBytes).toBeGreaterThan(40e6)
      expect(peakBytes).toBeLessThan(ballast.length / 2)
    },
  )

  test.skipIf(!native)('that cannot be made says why', async () => {
    const wrong = measure({ ...SMALL, threads: 1000 })
    await expect(wrong).rejects.toMatchObject({ code: 'usage', message: 'expected 1 to 256 for threads, got 1000' })
    const ofPixels = measureHere({ ...SMALL, model: 'fc-densenet-56', imageSize: 64 })
    await expect(ofPixels).rejects.toThrow('fc-densenet-56 says the class of each pixel')
  })
})

describe.skipIf(!native)('kernels', () => {
  test('are the calls of a step, the most expensive kind first', async () => {
    const work = completeWork(SMALL)
    const calls = await measureCalls(work)
    const kinds = await measureKernels(work)
    expect(kinds.reduce((sum, kind) => sum + kind.calls, 0)).toBe(calls.length)
    expect(kinds.map(({ seconds }) => seconds)).toEqual(kinds.map(({ seconds }) => seconds).sort((a, b) => b - a))
    const names = kinds.map(({ kernel, size, height }) => `${kernel} ${size} ${height}`)
    expect(names).toEqual(
      expect.arrayContaining(['convolutionForward 3 8', 'convolutionBackward 1 4', 'sgd null null']),
    )
    expect(new Set(names).size).toBe(names.length)
    for (const { kernel, flops, bytes } of kinds) {
      expect(bytes).toBeGreaterThan(0)
      expect(flops > 0).toBe(/convolution|linear/.test(kernel))
    }
  })
})

describe('densenet bench', () => {
  const options = ['--batch-size=4', '--image-size=8', '--iterations=2']

  test('prints a row for each network', async () => {
    const { code, out, err } = await densenet(['bench', 'densenet-bc-10-4', 'densenet-7-4', ...options])
    expect([code, native ? err : '']).toEqual([0, ''])
    expect(out).toMatch(/^network +batch +parameters +median of a step +fastest +images\/s +peak memory$/m)
    expect(out).toMatch(/^densenet-bc-10-4 +4 +[\d,]+ +[\d.,]+ ms +[\d.,]+ ms +[\d.,]+ +\d+ MB$/m)
    expect(out).toMatch(/^densenet-7-4 +4 /m)
  })

  test('--json prints what measure() gives', async () => {
    const { out } = await densenet(['bench', 'densenet-bc-10-4', '--inference', '--json', ...options])
    expect(JSON.parse(out)).toMatchObject({ model: 'densenet-bc-10-4', task: 'infer', memory: null, kernels: null })
  })

  test.skipIf(!native)('--kernels prints them with their rates, and what is left of the step', async () => {
    const { out } = await densenet(['bench', 'densenet-bc-10-4', '--kernels', ...options])
    expect(out).toMatch(/^ {2}convolutionBackward 3x3 at 8x8 +\d+ +[\d.]+ ms +[\d.]+ % +[\d.]+ +[\d.]+$/m)
    expect(out).toMatch(/^ {2}sgd +1 /m)
    expect(out).toMatch(/^ {2}all else: images, copies, waiting +[\d.]+ ms +[\d.]+ %$/m)
  })

  test('finds a wrong name before it measures the first', async () => {
    const { code, out, err } = await densenet(['bench', 'densenet-bc-100-12', 'resnet-50'])
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/^error: there is no network "resnet-50"\n/)
  })
})
