// A network of another family is an architecture and a planner, nothing else: a plain chain, made up here, goes through
// everything that counts, names, reads or writes networks.
import { expect, test } from 'vitest'
import { foldedPieces } from '../../dist/engine/fold.js'
import { normsOfOneValue } from '../../dist/engine/lone-image.js'
import { namedTensors } from '../../dist/interop/encode-weights.js'
import { newestLast } from '../../dist/interop/newest-first.js'
import { graphOf } from '../../dist/interop/onnx-graph.js'
import { takeTensors } from '../../dist/interop/take-tensors.js'
import type { Architecture, Layer } from '../../dist/model/architecture.js'
import { featureLayers, gradientLayers } from '../../dist/model/feature-layers.js'
import { initialParameters, initialRunning } from '../../dist/model/initialise.js'
import { layerFacts } from '../../dist/model/operations.js'
import { parameterTable } from '../../dist/model/parameters.js'
import {
  averagePool,
  batchNorm,
  chain,
  convolution,
  globalPool,
  linear,
  type Maps,
  maxPool,
  type Part,
  relu,
} from '../../dist/model/parts.js'
import { counted } from '../../dist/model/summary.js'

const layer = (name: string, input: Maps, ...makes: Parameters<typeof chain>[1][]): Layer => {
  const parts: Part[] = chain(input, ...makes)
  const { output } = parts.at(-1)!
  const naming = { kind: 'link', name, title: name, group: name.replace(/\d$/, ''), block: 0 }
  return { ...naming, input, output, parts, concatenates: false, features: [{ name, ...output }] }
}

/** Of images of 2 x 9 x 6: convolution, norm, ReLU, pool; twice; then the mean of all pixels and a classifier. */
function madeUp(): Architecture {
  const config = { inputChannels: 2, height: 9, width: 6, classes: 3, bnEpsilon: 1e-4, dropRate: 0 }
  const images = { channels: 2, height: 9, width: 6 }
  const window = { size: 3, stride: 2, padding: 1 }
  const first = layer('link1', images, convolution('a', 4, 5), batchNorm('b'), relu(), maxPool('p', window))
  const second = layer('link2', first.output, convolution('c', 6, 3, 2), batchNorm('d'), relu(), averagePool('q', 2))
  const last = layer('end', second.output, globalPool('pooled'), linear('classifier', 3))
  return { config, layers: [first, second, last] }
}

const network = madeUp()
const table = parameterTable(network)
const weights = {
  parameters: initialParameters(table, 3),
  running: initialRunning(table).map((x, i) => x + i / 100),
}

test('shapes follow from one another', () => {
  const outputs = network.layers.flatMap(({ parts }) => parts.map(({ output }) => Object.values(output).join()))
  expect(outputs).toEqual([
    ...['4,9,6', '4,9,6', '4,9,6', '4,5,3'],
    ...['6,3,2', '6,3,2', '6,3,2', '6,1,1'],
    ...['6,1,1', '3,1,1'],
  ])
})

test('parameters and statistics in the order of the parts', () => {
  expect(table.parameters.map(({ name, shape, offset }) => `${name} [${shape}] ${offset}`)).toEqual([
    ...['a.weight [4,2,5,5] 0', 'b.weight [4] 200', 'b.bias [4] 204'],
    ...['c.weight [6,4,3,3] 208', 'd.weight [6] 424', 'd.bias [6] 430'],
    ...['classifier.weight [3,6] 436', 'classifier.bias [3] 454'],
  ])
  expect(table.running.map(({ name }) => name)).toEqual(
    ['b', 'd'].flatMap(norm => [`${norm}.running_mean`, `${norm}.running_var`]),
  )
  expect([table.parameterCount, table.runningCount]).toEqual([457, 20])
})

test('summary: a row for each group', () => {
  const macs = [200 * 54, 216 * 6, 18]
  expect(counted(network)).toEqual({
    depth: 3,
    rows: [
      {
        name: 'link',
        layers: 2,
        inChannels: 2,
        outChannels: 6,
        height: 1,
        width: 1,
        parameters: 436,
        multiplyAdds: macs[0]! + macs[1]!,
      },
      {
        name: 'end',
        layers: 1,
        inChannels: 6,
        outChannels: 3,
        height: 1,
        width: 1,
        parameters: 21,
        multiplyAdds: macs[2]!,
      },
    ],
    parameters: 457,
    multiplyAdds: macs.reduce((a, b) => a + b),
  })
})

test('operations of each layer', () => {
  const [first, second, end] = layerFacts(network)
  const words = [first, second, end].map(facts => facts!.operations.map(({ title }) => title).join(', '))
  expect(words).toEqual([
    'convolution 5 x 5, batch norm, ReLU, max pool 3 x 3, stride 2',
    'convolution 3 x 3, stride 2, batch norm, ReLU, average pool 2 x 2',
    'global average pool, linear',
  ])
  expect(first).toMatchObject({ inChannels: 2, outChannels: 4, height: 5, width: 3, parameters: 208 })
})

test('layers that can be read', () => {
  expect(featureLayers(network).map(({ name }) => name)).toEqual(['link1', 'link2', 'end'])
  expect(gradientLayers(network)).toEqual(featureLayers(network))
})

test('norms that follow convolutions are folded, and none has one value', () => {
  expect([...foldedPieces(network, weights.parameters, weights.running)].map(({ offset }) => offset)).toEqual([
    0, 204, 208, 430,
  ])
  expect(normsOfOneValue(network)).toEqual([])
})

test('weights go out and come in by their names', () => {
  const tensors = namedTensors(network, weights)
  const of = (norm: string): string[] =>
    ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map(field => `${norm}.${field}`)
  const names = ['a.weight', ...of('b'), 'c.weight', ...of('d'), 'classifier.weight', 'classifier.bias']
  expect([...tensors.keys()]).toEqual(names)
  const taken = takeTensors({ ...network }, tensors, 'a file')
  expect(taken).toMatchObject({ missing: [], reshaped: [] })
  expect(taken.parameters).toEqual(weights.parameters)
  // A batch norm's epsilon is PyTorch's in the file: the variances make up for it.
  const shift = network.config.bnEpsilon - 1e-5
  const variances = new Set(table.running.filter(({ name }) => name.endsWith('_var')).map(({ offset }) => offset))
  for (const { offset, count } of table.running) {
    for (let i = offset; i < offset + count; i++) {
      expect(taken.running[i]).toBeCloseTo(weights.running[i]! + (variances.has(offset) ? shift : 0), 6)
    }
  }
  expect(() => takeTensors(network, new Map([['c.weight', { shape: [2], data: new Float32Array(2) }]]), 'x')).toThrow(
    'x: c.weight has shape [2], the network inferred from the others needs [6,4,3,3]',
  )
})

test('nothing is concatenated, so nothing is put into another order', () => {
  const tensors = namedTensors(network, weights)
  expect([...newestLast(tensors, network)]).toEqual([...tensors])
})

test.each([true, false])('ONNX, folded: %s', fold => {
  const { nodes, initializers } = graphOf(network, weights, { fold })
  const norm = fold ? [] : ['BatchNormalization']
  expect(nodes.map(({ op }) => op)).toEqual([
    ...['Conv', ...norm, 'Relu', 'MaxPool'],
    ...['Conv', ...norm, 'Relu', 'AveragePool'],
    ...['GlobalAveragePool', 'Flatten', 'Gemm', 'Identity'],
  ])
  const made = new Set(['images', ...initializers.map(({ name }) => name)])
  for (const { inputs, output } of nodes) {
    for (const input of inputs) expect(made).toContain(input)
    made.add(output)
  }
})
