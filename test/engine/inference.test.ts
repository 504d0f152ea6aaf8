// The inference program says what evaluation says: folded norms against running statistics on load, on every backend; and the
// same bits whatever the threads, the batch, and the place in it.
import { describe, expect, test } from 'vitest'
import { createNativeBackend } from '../../dist/backends/native/backend.js'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import type { Backend, Numbers } from '../../dist/engine/backend.js'
import { foldedPieces } from '../../dist/engine/fold.js'
import { createInference } from '../../dist/engine/inference.js'
import { plan } from '../../dist/engine/planner.js'
import { createSession } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { type DenseNetOptions, resolveConfig } from '../../dist/model/config.js'
import { initialParameters } from '../../dist/model/initialise.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { randomStream } from '../../dist/util/random.js'
import { compiledBuilds } from '../compiled-builds.js'
import { relativeError } from '../golden/compare.js'
import { instructionSets } from '../native-available.js'

const NETS: Readonly<Record<string, DenseNetOptions>> = {
  'BC net': {
    blocks: [2, 3, 1],
    growthRate: 5,
    bottleneck: true,
    initialChannels: 11,
    height: 13,
    width: 10,
    classes: 7,
  },
  'plain net of one grey channel': {
    blocks: [2, 2],
    growthRate: 7,
    inputChannels: 1,
    height: 9,
    width: 12,
    classes: 3,
  },
  'wide net, for which there may be a faster 3x3 convolution': {
    blocks: [2, 2],
    growthRate: 32,
    bottleneck: true,
    stem: 'imagenet',
    height: 68,
    width: 90,
    classes: 17,
  },
  'net of large odd maps, for which there may be another': {
    blocks: [2, 1],
    growthRate: 12,
    bottleneck: true,
    initialChannels: 9,
    height: 33,
    width: 46,
    classes: 5,
  },
}

/** Weights as after some training: no norm is the identity. */
function trained(options: DenseNetOptions) {
  const config = resolveConfig(options)
  const described = architecture(config)
  const table = parameterTable(described)
  const random = randomStream(5, 'shuffle')
  const parameters = Float64Array.from(initialParameters(table, 5))
  for (const { role, offset, count } of table.parameters) {
    if (role !== 'gamma' && role !== 'beta') continue
    for (let i = offset; i < offset + count; i++) parameters[i]! += 0.3 * random.normal()
  }
  const running = new Float64Array(table.runningCount)
  for (const { name, offset, count } of table.running) {
    for (let i = offset; i < offset + count; i++) {
      running[i] = name.endsWith('var') ? 0.5 + random.uniform() : 0.2 * random.normal()
    }
  }
  const images = (size: number): Float32Array => {
    const pixels = randomStream(6, 'shuffle')
    return Float32Array.from({ length: size * config.inputChannels * config.height * config.width }, () =>
      pixels.normal(),
    )
  }
  return { config, described, state: { parameters, running }, images }
}

const exact = createReferenceBackend({ precision: 'float64', poisonArena: true })

async function evaluated(backend: Backend, options: DenseNetOptions, size: number): Promise<Numbers> {
  const { described, state, images } = trained(options)
  const session = await createSession(described, backend, { batchSize: size })
  await session.writeState(state)
  await session.evaluate({ size, images: images(size), labels: new Float32Array(size) })
  const logits = await session.logits(size)
  session.dispose()
  return logits
}

async function inferred(backend: Backend, options: DenseNetOptions, size: number, runs = 1): Promise<Numbers> {
  const { described, state, images } = trained(options)
  const inference = await createInference(described, backend, state, { batchSize: size + 1 })
  let logits: Numbers = new Float32Array()
  for (let i = 0; i < runs; i++) logits = await inference.run(images(size), size)
  inference.dispose()
  return logits
}

describe.each(Object.entries(NETS))('%s', (_, options) => {
  test('reference: the logits of evaluation, up to rounding', async () => {
    expect(relativeError(await inferred(exact, options, 3), await evaluated(exact, options, 3))).toBeLessThan(1e-13)
  })

  describe.each(compiledBuilds)('$name', ({ available, open }) => {
    test.skipIf(!available)('the logits of the reference', async () => {
      const backend = await open(2)
      const expected = await evaluated(exact, options, 3)
      expect(relativeError(await inferred(backend, options, 3), expected)).toBeLessThan(1e-5)
      expect(relativeError(await evaluated(backend, options, 3), expected)).toBeLessThan(1e-5)
      backend.dispose()
    })
  })

  test.skipIf(instructionSets.length === 0)('the same bits for any threads, batch and run', async () => {
    const bits: Numbers[] = []
    for (const [threads, size, runs] of [
      [1, 1, 1],
      [1, 7, 2],
      [2, 7, 1],
      [3, 1, 2],
      [3, 7, 2],
      [8, 7, 1],
    ] as const) {
      const backend = createNativeBackend({ threads })
      for (const run of [inferred, evaluated])
        bits.push((await run(backend, options, size, runs)).slice(0, options.classes))
      bits.push((await inferred(backend, options, size, runs)).slice(-options.classes!))
      backend.dispose()
    }
    const [inference, evaluation] = bits
    for (let i = 0; i < bits.length; i += 3) {
      expect(bits[i]).toEqual(inference)
      expect(bits[i + 1]).toEqual(evaluation)
    }
    // The last of seven images.
    for (const i of [6, 12, 15]) expect(bits[i + 2]).toEqual(bits[5])
  })
})

test('the whole batch is right, not only its first and last image', async () => {
  const options = NETS['BC net']!
  const { described, state, images } = trained(options)
  for (const backend of [exact, ...(instructionSets.length > 0 ? [createNativeBackend({ threads: 3 })] : [])]) {
    const all = await inferred(backend, options, 5)
    const single = await createInference(described, backend, state, { batchSize: 1 })
    const pixels = images(5).length / 5
    for (let n = 0; n < 5; n++) {
      const logits = await single.run(images(5).subarray(n * pixels, (n + 1) * pixels), 1)
      expect(logits).toEqual(all.slice(n * 7, (n + 1) * 7))
    }
    single.dispose()
  }
})

test('folding scales the weights before a norm, and leaves all else alone', () => {
  const { described, state } = trained(NETS['BC net']!)
  const { parameters } = parameterTable(described)
  const names: string[] = []
  for (const { offset, values } of foldedPieces(described, state.parameters, state.running)) {
    const entry = parameters.find(entry => entry.offset === offset)!
    expect(values.length).toBe(entry.count)
    expect(values).not.toEqual(state.parameters.subarray(offset, offset + entry.count))
    names.push(entry.name)
  }
  const expected = parameters.map(({ name }) => name).filter(name => /(conv1\.weight|norm2\.bias)$/.test(name))
  expect(names.sort()).toEqual(expected.sort())
})

test('activations take the memory of one image, whatever the batch', () => {
  const { described } = trained(NETS['BC net']!)
  const elements = (mode: 'infer' | 'eval', batchSize: number) => plan(described, { mode, batchSize }).arenaBytes
  expect(elements('infer', 64)).toBe(elements('infer', 1))
  expect(elements('eval', 64)).toBe(elements('eval', 1))
})
