// Gradients of class scores with respect to every layer that has them, against PyTorch's hooks
// (test/golden/inspect/make_grad_cam.py; the net "imagenet" is torchvision's).
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { createBackend } from '../../dist/backends/registry.js'
import type { Backend } from '../../dist/engine/backend.js'
import { plan } from '../../dist/engine/planner.js'
import { createScoreGradients } from '../../dist/engine/score-gradients.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { gradientLayers } from '../../dist/model/feature-layers.js'
import { relativeError } from '../golden/compare.js'
import { generate, generateAll, readGolden, type Summaries, summaryErrors } from '../golden/nets.js'
import { instructionSets } from '../native-available.js'

type Expected = { readonly scores: { readonly values: readonly number[] } } & Record<
  string,
  { readonly gradient: Summaries[string] }
>
const expected: Record<string, Expected> = JSON.parse(
  readFileSync(new URL('../golden/inspect/grad_cam.json', import.meta.url), 'utf8'),
)
const exact = createReferenceBackend({ precision: 'float64', poisonArena: true })

describe.each(['plain', 'bc', 'imagenet', 'dropout-bc'])('net "%s"', name => {
  const { options, parameters, running, input, batch } = readGolden(name)
  const config = resolveConfig(options)
  const described = architecture(config)
  const images = generate(input, batch * 3 * config.height * config.width)
  const state = { parameters: generateAll(parameters), running: generateAll(running) }
  const layers = gradientLayers(described).map(layer => layer.name)
  const classes = Array.from({ length: batch }, (_, n) => (3 * n + 1) % config.classes)
  const targets = new Float64Array(batch * config.classes)
  for (const [n, c] of classes.entries()) targets[n * config.classes + c] = 1

  test('has the layers that PyTorch gave', () => {
    const theirs = Object.keys(expected[name]!).filter(key => key !== 'scores' && key !== 'features.relu5')
    expect([...layers].sort()).toEqual(theirs.sort())
  })

  async function errors(backend: Backend): Promise<[string, number][]> {
    const found: [string, number][] = []
    for (const layer of layers) {
      const runner = await createScoreGradients(described, backend, state, { batchSize: batch + 1, layer })
      const { logits, gradients } = await runner.run(images, targets, batch)
      const slices = [{ name: layer, offset: 0, count: gradients.length }]
      const error = summaryErrors(slices, gradients, { [layer]: expected[name]![layer]!.gradient })[0]!
      const scores = classes.map((c, n) => logits[n * config.classes + c]!)
      found.push([layer, Math.max(error, relativeError(scores, expected[name]!.scores.values))])
      runner.dispose()
    }
    return found
  }

  test('reference backend, float64', async () => {
    expect((await errors(exact)).filter(([, error]) => !(error <= 1e-12))).toEqual([])
  })

  test.skipIf(instructionSets.length === 0)('native backend, float32', async () => {
    const native = await createBackend({ backend: 'native' })
    expect((await errors(native)).filter(([, error]) => !(error <= 5e-5))).toEqual([])
    native.dispose()
  })

  test('a score may be of several classes', async () => {
    const runner = await createScoreGradients(described, exact, state, { batchSize: 3, layer: 'features.denseblock1' })
    const { classes } = config
    const size = images.length / batch
    const thrice = Float64Array.from({ length: 3 * size }, (_, i) => images[i % size]!)
    const weights = new Float64Array(3 * classes)
    weights[0] = 1
    weights[classes + 1] = 1
    weights[2 * classes] = 2
    weights[2 * classes + 1] = -0.5
    const { gradients } = await runner.run(thrice, weights, 3)
    const count = gradients.length / 3
    const sum = Float64Array.from({ length: count }, (_, i) => 2 * gradients[i]! - 0.5 * gradients[count + i]!)
    expect(relativeError(gradients.subarray(2 * count), sum)).toBeLessThan(1e-13)
    runner.dispose()
  })
})

describe('programs', () => {
  const described = architecture(resolveConfig(readGolden('imagenet').options))

  test('go back no further than the layer that was asked for', () => {
    const calls = (scored: string) =>
      plan(described, { mode: 'train', batchSize: 1, frozen: new Set(), scored }).calls.filter(({ kernel }) =>
        kernel.endsWith('Backward'),
      )
    expect(calls('features.denseblock4').map(({ kernel }) => kernel)).toEqual(['linearBackward', 'averagePoolBackward'])
    expect(calls('features.conv0').at(-1)!.kernel).toBe('maxPoolBackward')
  })

  test.each(['features.relu0', 'features.relu5', 'pooled', 'features.denseblock9'])('refuse %j', async layer => {
    const state = { parameters: new Float64Array(0), running: new Float64Array(0) }
    await expect(createScoreGradients(described, exact, state, { batchSize: 1, layer })).rejects.toThrow(
      `the network has no layer ${JSON.stringify(layer)}`,
    )
  })
})
