// Features of every layer against PyTorch's hooks (test/golden/make_features.py; the net "imagenet" is torchvision's).
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createBackend } from '../../dist/backends/registry.js'
import type { Backend } from '../../dist/engine/backend.js'
import { createFeatureExtractor } from '../../dist/engine/features.js'
import { plan } from '../../dist/engine/planner.js'
import { createSession } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { featureLayers } from '../../dist/model/feature-layers.js'
import { relativeError } from '../golden/compare.js'
import { generate, generateAll, readGolden, type Summaries, summaryErrors } from '../golden/nets.js'
import { instructionSets } from '../native-available.js'

type Features = Record<string, Summaries[string] & { readonly shape: readonly number[] }>
const expected: Record<string, Features> = JSON.parse(
  readFileSync(new URL('../golden/features.json', import.meta.url), 'utf8'),
)
const exact = createReferenceBackend({ precision: 'float64', poisonArena: true })

function read(name: string) {
  const { options, parameters, running, input, batch } = readGolden(name)
  const config = resolveConfig(options)
  const images = generate(input, batch * 3 * config.height * config.width)
  return { config, batch, images, state: { parameters: generateAll(parameters), running: generateAll(running) } }
}

describe.each(['plain', 'bc', 'imagenet'])('net "%s"', name => {
  const { config, batch, images, state } = read(name)
  const described = architecture(config)
  const layers = featureLayers(described)

  test('has exactly the layers that PyTorch gave, with their shapes', () => {
    const shapes = (entries: [string, readonly number[]][]) => entries.sort(([a], [b]) => (a < b ? -1 : 1))
    const ours = layers.map(({ name, channels, height, width }): [string, number[]] => [
      name,
      [channels, height, width],
    ])
    const theirs = Object.entries(expected[name]!).map(([key, { shape }]): [string, readonly number[]] => [key, shape])
    expect(shapes(ours)).toEqual(shapes(theirs))
  })

  async function errors(backend: Backend): Promise<[string, number][]> {
    const found: [string, number][] = []
    for (const { name: layer } of layers) {
      const extractor = await createFeatureExtractor(described, backend, state, { batchSize: batch + 1, layer })
      const values = await extractor.run(images, batch)
      const slices = [{ name: layer, offset: 0, count: values.length }]
      found.push([layer, Math.max(...summaryErrors(slices, values, { [layer]: expected[name]![layer]! }))])
      extractor.dispose()
    }
    return found
  }

  test('reference backend, float64', async () => {
    expect((await errors(exact)).filter(([, error]) => !(error <= 1e-12))).toEqual([])
  })

  test.skipIf(instructionSets.length === 0)('native backend, float32', async () => {
    const native = await createBackend({ backend: 'native' })
    expect((await errors(native)).filter(([, error]) => !(error <= 2e-5))).toEqual([])
    native.dispose()
  })

  test('the classifier alone, on pooled features, gives the logits of the whole network', async () => {
    const pooled = await createFeatureExtractor(described, exact, state, { batchSize: batch })
    const labels = new Float32Array(batch)
    const whole = await createSession(described, exact, { batchSize: batch })
    const head = await createSession(described, exact, { batchSize: batch, from: 'pooled' })
    for (const session of [whole, head]) await session.writeState(state)
    await whole.evaluate({ size: batch, images, labels })
    await head.evaluate({ size: batch, images: await pooled.run(images, batch), labels })
    expect(relativeError(await head.logits(batch), await whole.logits(batch))).toBeLessThan(1e-14)
  })
})

describe('programs', () => {
  const described = architecture(read('imagenet').config)

  test('end with the layer that was asked for', () => {
    const until = (layer: string) => plan(described, { mode: 'eval', batchSize: 2, until: layer }).calls
    expect(until('features.conv0').map(({ kernel }) => kernel)).toEqual(['convolutionForward', 'averagePoolForward'])
    expect(until('features.pool0')).toHaveLength(3)
    expect(until('pooled').some(({ kernel }) => kernel === 'linearForward')).toBe(false)
  })

  test.each(['features.denseblock9', '', 'classifier', 'features.norm5'])('refuses %j', layer => {
    expect(() => plan(described, { mode: 'eval', batchSize: 2, until: layer })).toThrow(
      `the network has no layer ${JSON.stringify(layer)} to take features of`,
    )
  })
})
