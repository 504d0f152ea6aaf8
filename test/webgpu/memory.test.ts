// Arenas that are larger than what a kernel may bind, or than a buffer may be; and what is said when nothing helps.
import { describe, expect, test } from 'vitest'
import { bind } from '../../dist/backends/webgpu/bindings.js'
import { submits } from '../../dist/backends/webgpu/executable.js'
import { lower } from '../../dist/backends/webgpu/lower.js'
import { onPages, placed, wholeBatch } from '../../dist/backends/webgpu/memory.js'
import type { GpuBuffer, Limits } from '../../dist/backends/webgpu/platform.js'
import { livesOf } from '../../dist/engine/arena.js'
import type { KernelCall } from '../../dist/engine/kernels.js'
import { plan } from '../../dist/engine/planner.js'
import { type Program, roomOf } from '../../dist/engine/program.js'
import { planSharing } from '../../dist/engine/sharing.js'
import { architecture } from '../../dist/model/architecture.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { preset } from '../../dist/model/presets.js'

const MB = 2 ** 20
const limits = { maxStorageBufferBindingSize: 128 * MB, maxStorageBuffersPerShaderStage: 8 } as Limits
const net = architecture(preset('densenet-bc-100-12'))
const program = plan(net, { mode: 'train', batchSize: 64 })

describe('a program whose arena no kernel may bind as a whole', () => {
  const arena = { size: program.arenaBytes } as GpuBuffer
  const scratch = { size: 64 * MB } as GpuBuffer
  const others = program.buffers.map(() => ({ size: 4 * MB }) as GpuBuffer)

  test('binds windows: few enough, small enough, none over another', () => {
    expect(arena.size).toBeGreaterThan(limits.maxStorageBufferBindingSize)
    const reach = { reach: limits.maxStorageBufferBindingSize / 8, page: arena.size / 4 }
    for (const { operands } of lower(program, reach).dispatches) {
      const ranges = Object.entries(operands).map(([name, { buffer, offset, count }]) => {
        const { memory, base } = typeof buffer === 'number' ? placed(program, buffer) : { memory: buffer, base: 0 }
        const own = typeof buffer === 'number' ? others[buffer]! : scratch
        const holder = memory === 'arena' ? arena : own
        return { name, buffer: holder, from: base + 4 * offset, to: base + 4 * (offset + count) }
      })
      const { windows, places } = bind(ranges, limits)
      expect(windows.length).toBeLessThanOrEqual(8)
      for (const { offset, size } of windows) {
        expect(offset % 256).toBe(0)
        expect(size).toBeLessThanOrEqual(limits.maxStorageBufferBindingSize)
      }
      for (const { name, buffer, from } of ranges) {
        const { window, offset } = places.get(name)!
        expect(windows[window]!.buffer).toBe(buffer)
        expect(windows[window]!.offset + offset).toBe(from)
      }
      const inArena = windows.filter(({ buffer }) => buffer === arena).sort((a, b) => a.offset - b.offset)
      for (const [i, { offset }] of inArena.slice(1).entries()) {
        expect(inArena[i]!.offset + inArena[i]!.size).toBeLessThanOrEqual(offset)
      }
    }
  })

  test('a kernel that would have to reach too far is refused in a sentence', () => {
    const range = { name: 'input', buffer: arena, from: 0, to: 200 * MB }
    expect(() => bind([range], limits)).toThrow(
      'a kernel would have to reach 200 MB at once, but this GPU lets it reach 128 MB',
    )
  })
})

describe('an arena of several buffers', () => {
  const pageBytes = 64 * MB

  test('has no transient buffer on two of them, and none over another while both are used', () => {
    const bytes = 2 * program.arenaBytes
    const paged = onPages(program, { bytes, pageBytes })
    const lives = livesOf(program.buffers, program.calls, program.batchSize)
    expect(paged.arenaBytes).toBeLessThanOrEqual(bytes)
    const used = lives.flatMap((life, i) => (life.first < 0 ? [] : [{ ...life, offset: paged.offsets[i]! }]))
    for (const { offset, bytes } of used) {
      expect(Math.floor(offset / (64 * MB))).toBe(Math.floor((offset + bytes - 1) / (64 * MB)))
    }
    for (const [i, a] of used.entries()) {
      for (const b of used.slice(i + 1)) {
        if (a.first > b.last || b.first > a.last) continue
        expect(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset).toBe(true)
      }
    }
  })

  test('has everything at the same place in all segments of a gradient', () => {
    const { segments } = planSharing(program, parameterTable(net), new Set(), { rank: 0, ranks: 2 })
    expect(segments.length).toBeGreaterThan(2)
    const [first, ...others] = segments.map(segment => onPages(segment, { bytes: 2 * program.arenaBytes, pageBytes }))
    expect(first!.offsets).not.toEqual(segments[0]!.offsets)
    for (const { offsets } of others) expect(offsets).toEqual(first!.offsets)
  })

  test('is refused in a sentence where one of them is too small', () => {
    expect(() => onPages(program, { bytes: program.arenaBytes, pageBytes: 4 * MB })).toThrow(
      "a batch of 64 images does not fit into buffers of 4 MB, this GPU's largest",
    )
  })
})

test('much work is submitted in pieces, which no driver takes for a hang', () => {
  const pieces = (flops: readonly number[]): number[][] =>
    submits(flops.map(of => ({ dispatch: { flops: of } }))).map(some => some.map(({ dispatch }) => dispatch.flops))
  expect(pieces([4e10, 4e10, 1e9, 9e10, 0, 1])).toEqual([[4e10], [4e10, 1e9], [9e10], [0, 1]])
  const step = plan(architecture(preset('densenet-121')), { mode: 'train', batchSize: 64 })
  const all = pieces(lower(step).dispatches.map(({ flops }) => flops))
  expect(all.length).toBeGreaterThan(20)
  for (const some of all) expect(some.reduce((sum, flops) => sum + flops, 0)).toBeLessThanOrEqual(5e10)
})

test('what is planned for one image at a time runs as a batch', () => {
  const inference = plan(net, { mode: 'infer', batchSize: 4 })
  const whole = wholeBatch(inference)
  expect(inference.imageByImage && !whole.imageByImage).toBe(true)
  const largest = Math.max(...whole.buffers.map(buffer => roomOf(buffer, 4)))
  expect(whole.arenaBytes).toBeGreaterThanOrEqual(4 * largest)
  expect(wholeBatch(program)).toBe(program)
})

describe('what many layers need is done at once', () => {
  const dispatchesOf = (planned: Program) => lower(planned).dispatches
  const count = (planned: Program, what: string): number =>
    dispatchesOf(planned).filter(({ name }) => name === what).length

  test.each(['store', 'recompute'] as const)('a training step of densenet-bc-100-12 with `%s`', memory => {
    const planned = plan(net, { mode: 'train', batchSize: 64, memory })
    const again = memory === 'recompute' ? planned.calls.length - program.calls.length : 0
    expect(dispatchesOf(planned).length).toBe(510 + again)
    for (const what of ['running statistics', 'coefficients of norms', 'coefficients of deferred gradients']) {
      expect(count(planned, what)).toBe(1)
    }
  })

  test('but never later or earlier than memory allows', () => {
    const [statistics, running, input] = [0, 1, 2]
    const buffers: Program['buffers'] = [
      { name: 'statistics', elements: 8, role: 'transient' },
      { name: 'running', elements: 8, role: 'running' },
      { name: 'input', elements: 8, role: 'input' },
    ]
    const enter = (offset: number): KernelCall => ({
      kernel: 'runningStatistics',
      channels: 2,
      pixels: 4,
      momentum: 0.1,
      statistics: { mean: { buffer: statistics, offset: 0 }, variance: { buffer: statistics, offset: 2 } },
      runningMean: { buffer: running, offset },
      runningVariance: { buffer: running, offset: offset + 2 },
    })
    const overwrite = (buffer: number): KernelCall => ({
      kernel: 'fill',
      elements: 4,
      value: 1,
      target: { buffer, offset: 0 },
    })
    const namesOf = (...calls: KernelCall[]): string[] =>
      dispatchesOf({ batchSize: 1, buffers, calls, offsets: [0, -1, -1], arenaBytes: 256 }).map(({ name }) => name)
    const once = 'running statistics'
    expect(namesOf(enter(0), overwrite(input), enter(4))).toEqual(['fill', once])
    expect(namesOf(enter(0), overwrite(statistics), enter(4))).toEqual([once, 'fill', once])
    expect(namesOf(enter(0), overwrite(input), enter(0))).toEqual(['fill', once, once])
  })
})
