// Short trainings of small nets of every kind and of odd sizes, on more threads than there is work: they run to their end,
// and the first step is the reference's. scripts/test-sanitized.mjs runs them under AddressSanitizer and UBSan.
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import type { Backend } from '../../dist/engine/backend.js'
import { normsOfOneValue } from '../../dist/engine/lone-image.js'
import type { MemoryMode } from '../../dist/engine/planner.js'
import { createSession } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { type DenseNetOptions, resolveConfig } from '../../dist/model/config.js'
import { initialParameters, initialRunning } from '../../dist/model/initialise.js'
import { randomStream } from '../../dist/util/random.js'
import { compiledBuilds } from '../compiled-builds.js'
import { relativeError } from '../golden/compare.js'
import { ODD_NETS } from '../odd-nets.js'

const PLANNED = 7

/** Steps with batches of several sizes, then an evaluation: losses and logits of each, or of the first so many. */
async function run(backend: Backend, options: DenseNetOptions, memory: MemoryMode, most = 5): Promise<Float64Array[]> {
  const config = resolveConfig(options)
  const optimizer = { momentum: 0.9, weightDecay: 1e-4, nesterov: true }
  const session = await createSession(architecture(config), backend, { batchSize: PLANNED, memory, optimizer })
  await session.writeState({ parameters: initialParameters(session.table, 5), running: initialRunning(session.table) })
  const results: Float64Array[] = []
  const { inputChannels, height, width, classes } = config
  // One image alone is no step where maps are 1 x 1.
  const few = normsOfOneValue(session.architecture).length > 0 ? 3 : 1
  for (const [step, size] of [5, 7, few, 2, 6].slice(0, most).entries()) {
    const random = randomStream(7, 'shuffle', step)
    const images = Float32Array.from({ length: size * inputChannels * height * width }, () => random.normal())
    const labels = Float32Array.from({ length: size }, () => random.integer(classes))
    const batch = { size, images, labels }
    const { losses } =
      step < 4 ? await session.trainStep(batch, { learningRate: 0.02, seed: 1, step }) : await session.evaluate(batch)
    results.push(Float64Array.from([...losses, ...(await session.logits(size))]))
  }
  session.dispose()
  return results
}

const reference = createReferenceBackend({ precision: 'float64' })
/** What the reference gives for the first step, computed once for all builds. */
const expectations = new Map<DenseNetOptions, Promise<Float64Array[]>>()
function expectedOf(options: DenseNetOptions): Promise<Float64Array[]> {
  const expected = expectations.get(options) ?? run(reference, options, 'store', 1)
  expectations.set(options, expected)
  return expected
}

for (const build of compiledBuilds) {
  describe.skipIf(!build.available)(`${build.name}: odd nets`, () => {
    describe.each(Object.entries(ODD_NETS))('%s', (_, options) => {
      test.each<[MemoryMode, number]>([
        ['store', 1],
        ['recompute', 3],
      ])('memory "%s", %i threads', async (memory, threads) => {
        const backend = await build.open(threads)
        const actual = await run(backend, options, memory)
        const [expected] = await expectedOf(options)
        backend.dispose()
        expect(actual.flatMap(values => [...values]).every(Number.isFinite)).toBe(true)
        expect(relativeError(actual[0]!, expected!)).toBeLessThan(1e-5)
      })
    })
  })
}
