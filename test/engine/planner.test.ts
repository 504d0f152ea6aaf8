// Programs as plain data, for networks that fast-check makes up: memory is never shared by two things that are needed at
// the same time, nothing is read before it was written, and a program is the same after a journey through JSON.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { type Lifetime, layOut, livesOf } from '../../dist/engine/arena.js'
import { type Bindings, createArena, type DeviceBuffer } from '../../dist/engine/backend.js'
import { externalRooms } from '../../dist/engine/externals.js'
import type { KernelCall } from '../../dist/engine/kernels.js'
import { operandsOf } from '../../dist/engine/operands.js'
import { type PlanOptions, plan } from '../../dist/engine/planner.js'
import { type BufferSpec, imagesAtOnce, type Program, roomOf } from '../../dist/engine/program.js'
import { countKept } from '../../dist/engine/recompute.js'
import { createSession } from '../../dist/engine/session.js'
import { planUpdate } from '../../dist/engine/update.js'
import { architecture } from '../../dist/model/architecture.js'
import { type DenseNetOptions, resolveConfig } from '../../dist/model/config.js'
import { initialParameters, initialRunning } from '../../dist/model/initialise.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { preset } from '../../dist/model/presets.js'
import { randomStream } from '../../dist/util/random.js'

const anyNet: fc.Arbitrary<DenseNetOptions> = fc
  .record({
    blocks: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
    growthRate: fc.integer({ min: 1, max: 9 }),
    bottleneck: fc.boolean(),
    bottleneckWidth: fc.integer({ min: 1, max: 4 }),
    reduction: fc.constantFrom(0.5, 0.7, 1),
    dropRate: fc.constantFrom(0, 0.2),
    initialChannels: fc.integer({ min: 2, max: 20 }),
    classes: fc.integer({ min: 1, max: 12 }),
    inputChannels: fc.integer({ min: 1, max: 4 }),
    stem: fc.constantFrom('cifar' as const, 'imagenet' as const),
    extraHeight: fc.integer({ min: 0, max: 9 }),
    extraWidth: fc.integer({ min: 0, max: 9 }),
  })
  .map(({ extraHeight, extraWidth, ...net }) => {
    const least = (net.stem === 'imagenet' ? 4 : 1) * 2 ** (net.blocks.length - 1)
    return { ...net, height: least + extraHeight, width: least + extraWidth }
  })

const anyPlan = fc.record({
  mode: fc.constantFrom('train' as const, 'eval' as const),
  memory: fc.constantFrom('store' as const, 'recompute' as const),
  batchSize: fc.integer({ min: 1, max: 6 }),
  freeze: fc.integer({ min: 0, max: 6 }),
})

/** A program with runs of `freeze` parameters frozen and others, in turn, trained. */
function planned(net: DenseNetOptions, { freeze, ...options }: PlanOptions & { readonly freeze: number }): Program {
  const described = architecture(resolveConfig(net))
  const { parameters } = parameterTable(described)
  const frozen = parameters.filter((_, i) => freeze > 0 && Math.floor(i / freeze) % 2 === 0).map(({ name }) => name)
  return plan(described, { ...options, frozen: new Set(frozen) })
}

/** Elements that a buffer takes in the arena. */
const roomIn = (program: Program, buffer: number): number => roomOf(program.buffers[buffer]!, imagesAtOnce(program))

/** Which elements of their buffers a call reads and writes. */
function touched(
  call: KernelCall,
  batch: number,
): { buffer: number; reads: boolean; writes: boolean; ranges: number[][] }[] {
  return operandsOf(call, batch).map(operand => {
    const reads = operand.access !== 'write'
    const writes = operand.access !== 'read'
    if ('ref' in operand) {
      const { buffer, offset } = operand.ref
      return { buffer, reads, writes, ranges: [[offset, offset + operand.count]] }
    }
    const { buffer, stride, first, channels, height, width } = operand.view
    const pixels = height * width
    const ranges = Array.from({ length: batch }, (_, n) => [
      (n * stride + first) * pixels,
      (n * stride + first + channels) * pixels,
    ])
    return { buffer, reads, writes, ranges }
  })
}

/** From the first to the last call that uses each buffer. */
function lifetimes(program: Pick<Program, 'buffers' | 'calls'>, batch: number): Map<number, [number, number]> {
  const found = new Map<number, [number, number]>()
  for (const [time, call] of program.calls.entries()) {
    for (const { buffer } of touched(call, batch)) found.set(buffer, [found.get(buffer)?.[0] ?? time, time])
  }
  return found
}

/** Pairs of transient buffers that are needed at the same time and share memory. */
function overlaps(program: Program): string[] {
  const lives = lifetimes(program, program.batchSize)
  const transient = [...lives.keys()].filter(number => program.buffers[number]!.role === 'transient')
  const found: string[] = []
  for (const i of transient) {
    for (const j of transient) {
      if (j <= i) continue
      const [a, b] = [lives.get(i)!, lives.get(j)!]
      const together = a[0] <= b[1] && b[0] <= a[1]
      const [at, other] = [program.offsets[i]!, program.offsets[j]!]
      const share = at < other + 4 * roomIn(program, j) && other < at + 4 * roomIn(program, i)
      if (together && share) found.push(`${program.buffers[i]!.name} and ${program.buffers[j]!.name}`)
    }
  }
  return found
}

describe('a planned program', () => {
  test('never lets buffers share memory that are needed at the same time', () => {
    fc.assert(
      fc.property(anyNet, anyPlan, (net, options) => {
        const program = planned(net, options)
        expect(overlaps(program)).toEqual([])
        for (const number of lifetimes(program, options.batchSize).keys()) {
          const { role } = program.buffers[number]!
          if (role !== 'transient') expect(program.offsets[number]).toBe(-1)
          else {
            expect(program.offsets[number]! % 256).toBe(0)
            expect(program.offsets[number]! + 4 * roomIn(program, number)).toBeLessThanOrEqual(program.arenaBytes)
          }
        }
      }),
      { numRuns: 150 },
    )
  })

  // The arena holds the last run's numbers, and other buffers' ones: what is read must have been written in this run.
  test('reads nothing of the arena that it did not write before', () => {
    fc.assert(
      fc.property(anyNet, anyPlan, (net, options) => {
        const program = planned(net, options)
        const written = new Map<number, Uint8Array>()
        for (const [number, call] of program.calls.entries()) {
          const operands = touched(call, options.batchSize).filter(
            ({ buffer }) => program.buffers[buffer]!.role === 'transient',
          )
          for (const { buffer, reads, ranges } of operands) {
            if (!reads) continue
            const whole = ranges.every(([from, to]) => written.get(buffer)?.subarray(from, to).every(Boolean))
            if (!whole)
              throw new Error(`call ${number} (${call.kernel}) reads ${program.buffers[buffer]!.name} too early`)
          }
          for (const { buffer, writes, ranges } of operands) {
            if (!writes) continue
            const marks = written.get(buffer) ?? new Uint8Array(roomIn(program, buffer))
            for (const [from, to] of ranges) marks.fill(1, from, to)
            written.set(buffer, marks)
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  test('writes every gradient exactly once, and no parameter', () => {
    fc.assert(
      fc.property(anyNet, fc.constantFrom('store' as const, 'recompute' as const), (net, memory) => {
        const described = architecture(resolveConfig(net))
        const program = plan(described, { mode: 'train', batchSize: 2, memory })
        const times = new Uint8Array(parameterTable(described).parameterCount)
        for (const call of program.calls) {
          for (const { buffer, writes, ranges } of touched(call, 2)) {
            if (!writes) continue
            const { role } = program.buffers[buffer]!
            expect(role).not.toBe('parameters')
            if (role === 'gradients') {
              for (const [from, to] of ranges) for (let i = from!; i < to!; i++) times[i]!++
            }
          }
        }
        expect(times.every(n => n === 1)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('moves running statistics once a step, recomputing or not, and leaves them alone in evaluation', () => {
    fc.assert(
      fc.property(anyNet, anyPlan, (net, options) => {
        const described = architecture(resolveConfig(net))
        const { calls } = plan(described, options)
        const moved = calls.flatMap(call =>
          call.kernel === 'runningStatistics' ? [call.runningMean.offset, call.runningVariance.offset] : [],
        )
        const all = parameterTable(described).running.map(({ offset }) => offset)
        expect(moved.sort((a, b) => a - b)).toEqual(options.mode === 'train' ? all : [])
      }),
      { numRuns: 60 },
    )
  })

  test('is plain data: the same after a journey through JSON', () => {
    fc.assert(
      fc.property(anyNet, anyPlan, (net, options) => {
        const program = planned(net, options)
        expect(JSON.parse(JSON.stringify(program))).toEqual(program)
      }),
      { numRuns: 60 },
    )
  })

  test('that came through JSON computes the same', async () => {
    const described = architecture(
      resolveConfig({ blocks: [1, 2], growthRate: 3, bottleneck: true, height: 6, width: 5 }),
    )
    const table = parameterTable(described)
    const program = plan(described, { mode: 'train', batchSize: 3 })
    const run = async (program: Program): Promise<ArrayLike<number>> => {
      const backend = createReferenceBackend()
      const buffers: Record<string, DeviceBuffer> = { arena: createArena(backend, program.arenaBytes) }
      for (const [role, { elements }] of Object.entries(externalRooms([program]))) {
        buffers[role] = backend.createBuffer(elements)
      }
      await buffers.parameters!.write(initialParameters(table, 1))
      await buffers.running!.write(initialRunning(table))
      const random = randomStream(1, 'shuffle')
      await buffers.input!.write(Float32Array.from({ length: buffers.input!.elements }, () => random.normal()))
      const executable = await backend.compile(program, buffers as Bindings)
      await executable.run({ batch: 3 })
      return buffers.gradients!.read()
    }
    expect(await run(JSON.parse(JSON.stringify(program)))).toEqual(await run(program))
  })

  test('for a large batch gives for a small one what a small plan gives', async () => {
    const config = resolveConfig({
      blocks: [2, 1],
      growthRate: 4,
      bottleneck: true,
      dropRate: 0.2,
      height: 7,
      width: 6,
    })
    const results = await Promise.all(
      [3, 8].map(async batchSize => {
        const optimizer = { momentum: 0.9, weightDecay: 1e-4, nesterov: true }
        const session = await createSession(architecture(config), createReferenceBackend(), { batchSize, optimizer })
        await session.writeState({
          parameters: initialParameters(session.table, 2),
          running: initialRunning(session.table),
        })
        const random = randomStream(4, 'shuffle')
        const images = Float32Array.from({ length: 3 * 3 * 7 * 6 }, () => random.normal())
        const batch = { size: 3, images, labels: [1, 9, 4] }
        const { losses } = await session.trainStep(batch, { learningRate: 0.1, seed: 3, step: 1 })
        const evaluated = await session.evaluate(batch)
        return { losses, evaluated, logits: await session.logits(3), state: await session.readState() }
      }),
    )
    expect(results[1]).toEqual(results[0])
  })
})

describe('memory', () => {
  // One bottleneck output at a time instead of one per layer.
  test.each([
    ['densenet-bc-100-12', 64, 1.7],
    ['densenet-bc-190-40', 64, 1.7],
    ['densenet-121', 8, 1.3],
  ])('recompute takes less for %s', (name, batchSize, factor) => {
    const described = architecture(preset(name))
    const bytes = (memory: 'store' | 'recompute'): number =>
      plan(described, { mode: 'train', batchSize, memory }).arenaBytes
    expect(bytes('store') / bytes('recompute')).toBeGreaterThan(factor)
  })

  test('recompute keeps what the backward pass of the first block leaves room for', () => {
    const { calls, arenaBytes } = plan(architecture(preset('densenet-bc-100-12')), {
      mode: 'train',
      batchSize: 64,
      memory: 'recompute',
    })
    // The first block's features, the output of one bottleneck, and the gradients of both.
    const firstBlock = 4 * 2 * (216 + 48) * 64 * 32 * 32
    expect(arenaBytes).toBeGreaterThanOrEqual(firstBlock)
    expect(arenaBytes).toBeLessThan(1.001 * firstBlock)
    const again = calls.flatMap(call => (call.kernel === 'convolutionForward' && !call.statistics ? [call.output] : []))
    const layers = (height: number): number => again.filter(output => output.height === height).length
    expect([32, 16, 8].map(layers)).toEqual([16, 6, 0])
  })

  test('an output is kept if its longer life fits into the arena', () => {
    const life = (lines: number, first: number, last: number): Lifetime => ({ bytes: 4 * lines, first, last })
    // Two outputs of 64, made at 0 and 1 and again at 3. Kept they would live beside what takes 128 at 2.
    const counted = (peak: number): number => {
      const outputs = [life(64, 0, 0), life(64, 1, 1), life(64, 3, 3), life(64, 3, 3)]
      const remade = [
        { output: 1, again: 2 },
        { output: 0, again: 3 },
      ]
      return countKept([...outputs, life(128, 2, 2), life(peak, 4, 4)], remade)
    }
    expect([128, 192, 256].map(counted)).toEqual([0, 1, 2])
  })

  test('evaluation takes less than training', () => {
    const described = architecture(preset('densenet-bc-100-12'))
    const bytes = (mode: 'train' | 'eval'): number => plan(described, { mode, batchSize: 64 }).arenaBytes
    expect(bytes('train') / bytes('eval')).toBeGreaterThan(3)
  })

  test('grows no faster than the batch', () => {
    const described = architecture(preset('densenet-bc-100-12'))
    const bytes = (batchSize: number): number => plan(described, { mode: 'train', batchSize }).arenaBytes
    expect(bytes(64)).toBeLessThanOrEqual(8 * bytes(8))
  })
})

describe('the arena', () => {
  /** Calls that use buffers and do nothing else. */
  const use = (first: number, second = first, third = first): KernelCall => {
    const [parameters, gradients, velocity] = [first, second, third].map(buffer => ({ buffer, offset: 0 }))
    return { kernel: 'sgd', elements: 1, parameters, gradients, velocity } as KernelCall
  }
  const buffer = (elements: number): BufferSpec => ({ name: `${elements}`, elements, role: 'transient' })

  test('gives the memory of what is no longer needed to what comes later', () => {
    const { offsets, arenaBytes } = layOut(livesOf([buffer(100), buffer(100)], [use(0), use(1)]))
    expect(offsets).toEqual([0, 0])
    expect(arenaBytes).toBe(512)
  })

  test('keeps apart what one call uses together', () => {
    expect(layOut(livesOf([buffer(100), buffer(60)], [use(0, 1)]))).toEqual({ offsets: [0, 512], arenaBytes: 768 })
  })

  test('fills the gap between two longer lives', () => {
    const calls = [use(0, 1, 2), use(0, 2), use(0, 2, 3)]
    const { offsets, arenaBytes } = layOut(livesOf([buffer(64), buffer(192), buffer(128), buffer(192)], calls))
    expect(offsets[3]).toBe(offsets[1])
    expect(arenaBytes).toBe(4 * 384)
  })

  test('gives nothing to buffers that nobody uses', () => {
    expect(layOut(livesOf([buffer(1000)], []))).toEqual({ offsets: [-1], arenaBytes: 0 })
  })
})

test('the update is one call on three external buffers', () => {
  const program = planUpdate(10, { momentum: 0.9, weightDecay: 1e-4, nesterov: true })
  expect(program.calls.map(({ kernel }) => kernel)).toEqual(['sgd'])
  expect(program.buffers.map(({ role }) => role)).toEqual(['parameters', 'gradients', 'velocity'])
  expect(program.arenaBytes).toBe(0)
})
