// Figure 5 of the paper: by hand, and against PyTorch (test/golden/inspect/make_reuse.py).
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { featureReuse } from '../../dist/entries/inspect.js'
import { resolveConfig } from '../../dist/entries/model.js'
import { DenseNet } from '../../dist/index.js'
import { architecture } from '../../dist/model/architecture.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { generateAll, readGolden } from '../golden/nets.js'

/** Two blocks of one layer each, on one channel of 8 x 8; the block inputs have 2 channels, the layers add 1. */
const config = resolveConfig({
  blocks: [1, 1],
  growthRate: 1,
  initialChannels: 2,
  bottleneck: false,
  reduction: 0.67,
  inputChannels: 1,
  classes: 2,
  height: 8,
  width: 8,
})

function byHand(weights: Readonly<Record<string, readonly number[]>>) {
  const { parameters, parameterCount, runningCount } = parameterTable(architecture(config))
  const values = new Float64Array(parameterCount)
  for (const { name, offset, count } of parameters) {
    if (!(name in weights)) continue
    expect(weights[name]).toHaveLength(count)
    values.set(weights[name]!, offset)
  }
  return { config, state: { parameters: values, running: new Float64Array(runningCount) } }
}

/** A 3 x 3 filter whose absolute values have this mean. */
const filter = (mean: number): number[] => Array.from({ length: 9 }, (_, i) => (i % 2 === 0 ? mean : -mean))

const network = byHand({
  'features.denseblock1.denselayer1.conv1.weight': [...filter(2), ...filter(4)],
  // [2 outputs][3 inputs]
  'features.transition1.conv.weight': [1, -2, 3, -4, 5, 6],
  'features.denseblock2.denselayer1.conv1.weight': [...filter(0.5), ...filter(0.25)],
  // [2 classes][3 inputs]
  'classifier.weight': [-1, 1, 8, 3, -3, 2],
})

test('by hand', () => {
  const { blocks } = featureReuse(network, { scale: 'raw' })
  expect(blocks.map(({ values }) => values)).toEqual([
    [
      [3, (1 + 2 + 4 + 5) / 4],
      [null, (3 + 6) / 2],
    ],
    [
      [0.375, 2],
      [null, 5],
    ],
  ])
  expect(blocks[0]!.sources).toEqual([
    { name: 'input', first: 0, channels: 2 },
    { name: 'features.denseblock1.denselayer1', first: 2, channels: 1 },
  ])
  expect(blocks.map(({ targets }) => targets.map(({ kind, name }) => `${kind} ${name}`))).toEqual([
    ['dense features.denseblock1.denselayer1', 'transition features.transition1'],
    ['dense features.denseblock2.denselayer1', 'classifier classifier'],
  ])
})

test('columns from 0 to 1; one of a single value is 1', () => {
  expect(featureReuse(network).blocks.map(({ values }) => values)).toEqual([
    [
      [1, 0],
      [null, 1],
    ],
    [
      [1, 0],
      [null, 1],
    ],
  ])
})

test('divided by the number of maps of the source', () => {
  const { blocks } = featureReuse(network, { scale: 'raw', measure: 'mean-per-map' })
  expect(blocks[0]!.values).toEqual([
    [3 / 2, 3 / 2],
    [null, 4.5],
  ])
})

test('weights that are not finite leave a hole and nothing else', () => {
  const parameters = network.state.parameters.slice()
  const { offset } = parameterTable(architecture(config)).parameters.find(({ name }) => name === 'classifier.weight')!
  parameters[offset] = Number.NaN
  const { blocks } = featureReuse({ config, state: { ...network.state, parameters } })
  expect(blocks[0]).toEqual(featureReuse(network).blocks[0])
  expect(blocks[1]!.values).toEqual([
    [1, null],
    [null, 1],
  ])
})

const golden: Record<string, readonly (readonly (readonly number[])[])[]> = JSON.parse(
  readFileSync(new URL('../golden/inspect/reuse.json', import.meta.url), 'utf8'),
)

describe.each(Object.keys(golden))('net "%s"', name => {
  const { options, parameters } = readGolden(name)
  const state = { parameters: generateAll(parameters), running: new Float64Array(0) }
  const { blocks } = featureReuse({ config: resolveConfig(options), state }, { scale: 'raw' })

  test.each(golden[name]!.map((columns, i) => [i + 1, columns] as const))('block %i', (number, columns) => {
    const { values, targets } = blocks[number - 1]!
    const ours = targets.map((_, t) => values.map(row => row[t]).filter(value => typeof value === 'number'))
    expect(ours.map(({ length }) => length)).toEqual(columns.map(({ length }) => length))
    for (const [t, column] of columns.entries()) {
      for (const [s, value] of column.entries()) expect(ours[t]![s]! / value - 1).toBeCloseTo(0, 12)
    }
  })

  test('layers with a bottleneck are judged by their 1x1 convolution', () => {
    const weights = blocks.flatMap(({ targets }) => targets).filter(({ kind }) => kind === 'dense')
    expect(weights.every(({ weights }) => weights.endsWith('.conv1.weight'))).toBe(true)
  })
})

test.each([
  [{ scale: 'rows' as 'raw' }, 'expected one of column, raw for scale, got "rows"'],
  [{ measure: 'max' as 'mean' }, 'expected one of mean, mean-per-map for measure, got "max"'],
])('refuses %j', (options, message) => {
  expect(() => featureReuse(DenseNet.create('densenet-bc-40-12'), options)).toThrow(message)
})
