import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DenseNetError } from '../../dist/errors.js'
import { architecture } from '../../dist/model/architecture.js'
import { type DenseNetOptions, resolveConfig } from '../../dist/model/config.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { preset } from '../../dist/model/presets.js'

describe('defaults', () => {
  test("a plain net starts with 16 channels, a BC net with 2 k, as the paper's", () => {
    expect(resolveConfig({ depth: 40 })).toMatchObject({ initialChannels: 16, reduction: 1, blocks: [12, 12, 12] })
    expect(resolveConfig({ depth: 100, bottleneck: true })).toMatchObject({ initialChannels: 24, reduction: 0.5 })
  })

  test('the ImageNet stem brings 224 pixels and 1000 classes', () => {
    expect(preset('densenet121')).toMatchObject({ blocks: [6, 12, 24, 16], classes: 1000, height: 224, growthRate: 32 })
  })

  test('a transition keeps the floor of its share', () => {
    const { layers } = architecture(
      resolveConfig({ blocks: [1, 1], growthRate: 9, initialChannels: 16, reduction: 0.5 }),
    )
    const dense = layers.filter(({ concatenates }) => concatenates)
    expect(dense.map(({ input }) => input.channels)).toEqual([16, 12])
  })
})

describe('refusals', () => {
  const refused: readonly [what: string, options: DenseNetOptions, sentence: string][] = [
    ['a depth between two', { depth: 101, bottleneck: true }, 'depth 101 fits no DenseNet-BC with three blocks'],
    ['its neighbours', { depth: 101, bottleneck: true }, 'Nearest: 100, 106.'],
    ['a plain depth', { depth: 41 }, '(3 n + 4 layers). Nearest: 40, 43.'],
    ['a depth that is too small', { depth: 3 }, 'Nearest: 7.'],
    ['an unknown ImageNet depth', { depth: 100, stem: 'imagenet' }, '121, 161, 169, 201, 232, 264'],
    ['depth and blocks', { depth: 40, blocks: [1] }, 'either depth or blocks'],
    ['neither', {}, 'needs a depth'],
    ['no layers', { blocks: [] }, 'for blocks, got []'],
    [
      'half a growth rate',
      { depth: 40, growthRate: 1.5 },
      'expected a whole number of at least 1 for growthRate, got 1.5',
    ],
    ['a reduction above 1', { depth: 40, reduction: 1.5 }, 'for reduction, got 1.5'],
    [
      'a reduction that leaves nothing',
      { blocks: [1, 1], growthRate: 1, initialChannels: 1, reduction: 0.1 },
      'keep no channels',
    ],
    ['dropping everything', { depth: 40, dropRate: 1 }, 'for dropRate, got 1'],
    ['an image without pixels left', { depth: 40, height: 3 }, 'an input height of 3 is too small'],
    ['an unknown option', { depth: 40, growth: 3 } as DenseNetOptions, 'a DenseNet has no option "growth"'],
  ]
  test.each(refused)('%s', (_, options, sentence) => {
    expect(() => resolveConfig(options)).toThrow(sentence)
    expect(() => resolveConfig(options)).toThrow(DenseNetError)
  })

  test('an unknown network, with the known ones', () => {
    expect(() => preset('resnet-50')).toThrow('there is no network "resnet-50"')
    expect(() => preset('densenet-bc-101-12')).toThrow('Nearest: 100, 106.')
  })
})

test('any options give a whole network or a usage error', () => {
  const number = fc.oneof(fc.integer({ min: -2, max: 40 }), fc.double({ min: -1, max: 3 }))
  const options = fc.record(
    {
      depth: number,
      blocks: fc.array(fc.integer({ min: -1, max: 6 }), { maxLength: 6 }),
      growthRate: number,
      bottleneck: fc.boolean(),
      bottleneckWidth: number,
      reduction: number,
      dropRate: number,
      initialChannels: number,
      classes: number,
      inputChannels: number,
      height: number,
      width: number,
      stem: fc.constantFrom('cifar' as const, 'imagenet' as const),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(options, given => {
      let network: ReturnType<typeof architecture>
      try {
        network = architecture(resolveConfig(given))
      } catch (error) {
        expect(error).toBeInstanceOf(DenseNetError)
        expect((error as DenseNetError).code).toBe('usage')
        return
      }
      for (const { input, output } of network.layers) {
        for (const { channels, height, width } of [input, output]) {
          expect(Math.min(channels, height, width)).toBeGreaterThanOrEqual(1)
        }
      }
      const table = parameterTable(network)
      expect(Number.isSafeInteger(table.parameterCount)).toBe(true)
      expect(table.parameterCount).toBe(table.parameters.reduce((sum, { count }) => sum + count, 0))
    }),
    { numRuns: 500 },
  )
})
