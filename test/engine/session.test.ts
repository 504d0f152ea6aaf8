// Options of a session against PyTorch's numbers. Frozen parameters keep their bits, frozen batch norms use and keep their running statistics; PyTorch's numbers say what
// becomes of the rest. And what follows from constant statistics: summed gradients are those of one big batch.
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createBackend } from '../../dist/backends/registry.js'
import type { Numbers } from '../../dist/engine/backend.js'
import { plan } from '../../dist/engine/planner.js'
import { createSession, type Session, type SessionOptions } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { relativeError } from '../golden/compare.js'
import { generate, generateAll, readGolden, summaryErrors } from '../golden/nets.js'
import { readReplicas, readTraining } from '../golden/training.js'

const golden = readGolden('bc')
const { batch } = golden
const config = resolveConfig(golden.options)
const described = architecture(config)
const table = parameterTable(described)
const exact = createReferenceBackend({ precision: 'float64', poisonArena: true })
const imageSize = 3 * config.height * config.width
const images = (step: number): Float64Array =>
  generate({ ...golden.input, number: golden.input.number + step }, batch * imageSize)
const initial = { parameters: generateAll(golden.parameters), running: generateAll(golden.running) }

async function makeSession(options: Partial<SessionOptions>, backend = exact) {
  const session = await createSession(described, backend, { batchSize: batch, optimizer: golden.sgd, ...options })
  await session.writeState(initial)
  return session
}

describe("PyTorch's numbers", () => {
  const cases = readTraining().frozen.flatMap((numbers, i) => [
    { numbers, memory: 'store' as const, i },
    { numbers, memory: 'recompute' as const, i },
  ])
  test.each(cases)('set $i, memory "$memory"', async ({ numbers, memory }) => {
    const frozen = new Set(numbers.frozen)
    const session = await makeSession({ memory, frozen })
    const errors: number[] = []
    for (const [step, loss] of numbers.losses.entries()) {
      const { losses } = await session.trainStep(
        { size: batch, images: images(step), labels: golden.labels[step]! },
        { learningRate: 0.1 },
      )
      errors.push(relativeError([Array.from(losses).reduce((a, b) => a + b) / batch], [loss]))
      if (step > 0) continue
      const trained = table.parameters.filter(({ name }) => !frozen.has(name))
      const gradients = await session.gradients()
      errors.push(...summaryErrors(trained, gradients, numbers.gradient1))
      for (const { name, offset, count } of table.parameters) {
        if (frozen.has(name)) expect(gradients.subarray(offset, offset + count).every(x => x === 0)).toBe(true)
      }
    }
    const state = await session.readState()
    errors.push(...summaryErrors(table.parameters, state.parameters, numbers.parameters2))
    errors.push(...summaryErrors(table.running, state.running, numbers.running2))
    expect(errors.filter(error => !(error <= 1e-9))).toEqual([])
    for (const { name, offset, count } of table.parameters) {
      const [now, before] = [state.parameters, initial.parameters].map(all => all.subarray(offset, offset + count))
      if (frozen.has(name)) expect(now).toEqual(before)
    }
  })
})

describe("PyTorch's whole steps: clipped, smoothed, without decay of norms", () => {
  const { adamw, rmsprop } = readTraining().whole
  const cases = [
    {
      name: 'adamw' as const,
      numbers: adamw,
      learningRate: 0.01,
      optimizer: { name: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 } as const,
    },
    {
      name: 'rmsprop' as const,
      numbers: rmsprop,
      learningRate: 0.001,
      optimizer: { name: 'rmsprop', alpha: 0.9, epsilon: 1e-8, momentum: 0.5, weightDecay: 0.1 } as const,
    },
  ]
  test.each(cases)('$name', async ({ numbers, learningRate, optimizer }) => {
    const { losses, norms, clip, parameters3 } = numbers
    expect(norms.some(norm => norm > clip)).toBe(true)
    const loss = { kind: 'crossEntropy', smoothing: 0.1 } as const
    const session = await makeSession({ optimizer, decayNorms: false, clipNorm: clip, loss })
    const errors: number[] = []
    for (const [step, expected] of losses.entries()) {
      const data = { size: batch, images: images(step), labels: golden.labels[step]! }
      const { losses } = await session.trainStep(data, { learningRate, step })
      errors.push(relativeError([Array.from(losses).reduce((a, b) => a + b) / batch], [expected]))
    }
    const { parameters } = await session.readState()
    errors.push(...summaryErrors(table.parameters, parameters, parameters3))
    expect(errors.filter(error => !(error <= 1e-8))).toEqual([])
  })
})

describe('a frozen beginning', () => {
  const frozen = new Set(table.parameters.map(({ name }) => name).filter(name => !name.startsWith('classifier')))

  test('needs no backward pass', () => {
    const backward = (names?: ReadonlySet<string>): number =>
      plan(described, { mode: 'train', batchSize: 4, ...(names ? { frozen: names } : {}) }).calls.filter(
        ({ kernel }) => kernel === 'convolutionBackward',
      ).length
    expect(backward()).toBeGreaterThan(10)
    expect(backward(frozen)).toBe(0)
  })

  test('takes less memory', () => {
    const elements = (names: ReadonlySet<string>): number =>
      plan(described, { mode: 'train', batchSize: 4, frozen: names }).arenaBytes
    expect(elements(frozen)).toBeLessThan(elements(new Set()) / 2)
  })
})

const norms = new Set(
  table.parameters.filter(({ role }) => role === 'gamma' || role === 'beta').map(({ name }) => name),
)
const part = (first: number, size: number) => ({
  size,
  images: images(0).subarray(first * imageSize, (first + size) * imageSize),
  labels: golden.labels[0]!.slice(first, first + size),
})

describe('accumulation', () => {
  /** The state after one update, with the batch in parts of these sizes. */
  async function updated(sizes: readonly number[], frozen: ReadonlySet<string>, backend = exact) {
    const session = await makeSession({ frozen, accumulates: sizes.length > 1, averages: true }, backend)
    const before = await session.readState()
    let done = 0
    for (const [i, size] of sizes.entries()) {
      const update = i === sizes.length - 1
      await session.trainStep(part(done, size), { learningRate: 0.1, pendingImages: done, update, averageKeeps: 0.25 })
      if (!update) expect((await session.readState()).parameters).toEqual(before.parameters)
      done += size
    }
    return session.readState()
  }

  test.each([[[2, 2]], [[3, 1]], [[1, 1, 1, 1]]])(
    'in parts of %j is one big batch where norms are frozen',
    async sizes => {
      const whole = await updated([4], norms)
      const parts = await updated(sizes, norms)
      expect(relativeError(parts.parameters, whole.parameters)).toBeLessThan(1e-13)
      expect(relativeError(parts.training.velocity!, whole.training.velocity!)).toBeLessThan(1e-12)
      expect(relativeError(parts.training.average!, whole.training.average!)).toBeLessThan(1e-13)
      expect(parts.running).toEqual(initial.running)
    },
  )

  test("is what the original's GPUs do: a share of each batch, also of an epoch's last, for each", async () => {
    const replicas = readReplicas()
    const session = await makeSession({ accumulates: true })
    for (const [step, slices] of replicas.slices.entries()) {
      let sum = 0
      for (const [first, end] of slices) {
        const batch = {
          size: end - first,
          images: images(step).subarray(first * imageSize, end * imageSize),
          labels: golden.labels[step]!.slice(first, end),
        }
        const update = end === slices.at(-1)![1]
        const { losses } = await session.trainStep(batch, { learningRate: 0.1, pendingImages: first, update })
        sum += Array.from(losses).reduce((a, b) => a + b)
      }
      expect(relativeError([sum / slices.at(-1)![1]], [replicas.losses[step]!])).toBeLessThan(1e-9)
    }
    const { parameters } = await session.readState()
    const errors = summaryErrors(table.parameters, parameters, replicas.parameters2)
    expect(errors.filter(error => !(error <= 1e-9))).toEqual([])
  })

  test('differs from it where they take the statistics of each part', async () => {
    const none = new Set<string>()
    const [whole, parts] = [await updated([4], none), await updated([2, 2], none)]
    expect(relativeError(parts.parameters, whole.parameters)).toBeGreaterThan(1e-4)
  })

  test('the average keeps its share', async () => {
    const { parameters, training } = await updated([4], norms)
    const expected = initial.parameters.map((before, i) => 0.25 * before + 0.75 * parameters[i]!)
    expect(relativeError(training.average!, expected)).toBeLessThan(1e-14)
  })

  test('on the native backend as well', async () => {
    const native = await createBackend({ backend: 'native' }).catch(() => null)
    if (!native) return console.log('skipped: the native backend is not built')
    const [whole, parts] = [await updated([4], norms), await updated([2, 2], norms, native)]
    expect(relativeError(parts.parameters, whole.parameters)).toBeLessThan(1e-5)
    native.dispose()
  })
})

test('evaluation is with the averages', async () => {
  const session = await makeSession({ averages: true })
  const data = { size: batch, images: images(0), labels: golden.labels[0]! }
  const before = await session.evaluate(data)
  await session.trainStep(data, { learningRate: 0.1, averageKeeps: 1 })
  expect(await session.evaluate(data)).toEqual(before)
  await session.trainStep(data, { learningRate: 0.1, averageKeeps: 0 })
  const after = await session.evaluate(data)
  expect(after).not.toEqual(before)
  const { parameters, running } = await session.readState()
  const plain = await createSession(described, exact, { batchSize: batch })
  await plain.writeState({ parameters, running })
  expect(await plain.evaluate(data)).toEqual(after)
})

test('a mixed image is trained as both of its labels, an unmixed one as its own', async () => {
  const labels = golden.labels[0]!
  const data = { size: batch, images: images(0), labels }
  const step = { learningRate: 0.1 }
  const plain = await (await makeSession({})).trainStep(data, step)
  const session = await makeSession({ loss: { kind: 'crossEntropy', mixed: true } })
  expect(await session.trainStep(data, step)).toEqual(plain)
  await session.writeState(initial)
  const otherLabels = labels.map(label => (label + 1) % config.classes)
  const mixed = await session.trainStep({ ...data, otherLabels, share: new Array(batch).fill(0.3) }, step)
  const others = await (await makeSession({})).trainStep({ ...data, labels: otherLabels }, step)
  const expected = plain.losses.map((loss, n) => 0.3 * loss + 0.7 * others.losses[n]!)
  expect(relativeError(mixed.losses, expected)).toBeLessThan(1e-12)
  expect(mixed.ranks).toEqual(others.ranks)
})

test('an update can be finished without the batch that was to make it', async () => {
  const data = { size: batch, images: images(0), labels: golden.labels[0]! }
  const after = async (make: (session: Session) => Promise<unknown>) => {
    const session = await makeSession({ accumulates: true, averages: true })
    await make(session)
    return session.readState()
  }
  const once = await after(session => session.trainStep(data, { learningRate: 0.1, averageKeeps: 0.5 }))
  const later = await after(async session => {
    await session.trainStep(data, { learningRate: 0.1, update: false })
    await session.finishUpdate({ learningRate: 0.1, updates: 0, pendingImages: batch, averageKeeps: 0.5 })
  })
  expect(later).toEqual(once)
})

describe('a step that two sessions share', () => {
  const args = { learningRate: 0.1, averageKeeps: 0.25 }

  test.each([
    [2, 2],
    [3, 1],
  ])('of %i and %i images, their gradients averaged in between, is one that accumulates', async (...sizes) => {
    const alone = await makeSession({ frozen: norms, accumulates: true, averages: true })
    await alone.trainStep(part(0, sizes[0]), { ...args, update: false })
    await alone.trainStep(part(sizes[0], sizes[1]), { ...args, pendingImages: sizes[0] })
    const expected = await alone.readState()

    const sessions = await Promise.all(sizes.map(() => makeSession({ frozen: norms, averages: true })))
    const gradients: Numbers[] = []
    for (const [i, session] of sessions.entries()) {
      await session.gradient(part(i * sizes[0], sizes[i]!), {})
      expect((await session.readState()).parameters).toEqual(Float64Array.from(initial.parameters))
      gradients.push(await session.gradients())
    }
    const mean = gradients[0]!.map((own, i) => (sizes[0] * own + sizes[1] * gradients[1]![i]!) * (1 / batch))
    for (const session of sessions) {
      await session.writeGradients(mean)
      await session.update(args)
      const { parameters, training } = await session.readState()
      expect(parameters).toEqual(expected.parameters)
      expect(training.velocity).toEqual(expected.training.velocity)
      expect(training.average).toEqual(expected.training.average)
    }
  })

  test('in two calls has the bits of one', async () => {
    const [once, twice] = [await makeSession({}), await makeSession({})]
    const result = await once.trainStep(part(0, batch), { ...args, step: 3 })
    expect(await twice.gradient(part(0, batch), { step: 3 })).toEqual(result)
    await twice.update({ ...args, step: 3 })
    expect(await twice.readState()).toEqual(await once.readState())
  })
})

describe('every class for itself', () => {
  const labels = golden.labels[0]!
  const data = { size: batch, images: images(0), labels }
  const targets = Float64Array.from({ length: batch * config.classes }, (_, i) =>
    labels[Math.floor(i / config.classes)] === i % config.classes ? 1 : 0,
  )
  const run = async (multiLabel: boolean, given: object = {}) => {
    const session = await makeSession({ loss: { kind: 'binaryCrossEntropy', multiLabel } })
    const result = await session.trainStep({ ...data, ...given }, { learningRate: 0.1 })
    return { result, state: await session.readState(), evaluated: await session.evaluate({ ...data, ...given }) }
  }

  test('with one label an image: targets are made of the labels, ranks are as ever', async () => {
    const { result, state } = await run(false)
    expect((await run(false, { targets })).state).toEqual(state)
    expect([...result.ranks]).toEqual(golden.ranks1)
  })

  test('mixed images: targets are shared out, ranks are of the larger share', async () => {
    const otherLabels = labels.map(label => (label + 1) % config.classes)
    const share = labels.map((_, n) => (n % 2 === 0 ? 0.75 : 0.25))
    const mixed = await run(false, { otherLabels, share })
    const shared = targets.map((_, i) => {
      const n = Math.floor(i / config.classes)
      const c = i % config.classes
      return (labels[n] === c ? share[n]! : 0) + (otherLabels[n] === c ? 1 - share[n]! : 0)
    })
    expect((await run(false, { targets: shared })).state).toEqual(mixed.state)
    const dominant = labels.map((label, n) => (share[n]! >= 0.5 ? label : otherLabels[n]!))
    expect(mixed.result.ranks).toEqual((await run(false, { labels: dominant, targets: shared })).result.ranks)
  })

  test('with several labels: ranks count what is wrong', async () => {
    const { result, state } = await run(true, { targets })
    expect(state).toEqual((await run(false)).state)
    const inverse = await run(true, { targets: targets.map(x => 1 - x) })
    expect(inverse.result.ranks).toEqual(result.ranks.map(wrong => config.classes - wrong))
    await expect(run(true)).rejects.toThrow('needs the targets')
  })
})
