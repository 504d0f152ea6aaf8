// The ONNX files, run by onnxruntime (its WebAssembly build, which needs no Python): logits are those of the network.
import { InferenceSession, Tensor } from 'onnxruntime-web'
import { describe, expect, test } from 'vitest'
import { DenseNetError } from '../../dist/errors.js'
import { importWeights } from '../../dist/interop/import-weights.js'
import { type NetworkWeights, type OnnxOptions, onnxGraph } from '../../dist/interop/onnx-graph.js'
import { encodeOnnx } from '../../dist/interop/onnx-model.js'
import { decodeWeightFile as decodeWeights } from '../../dist/networks/weight-files.js'
import { fixture, golden, images, worstDifference } from './fixtures.js'

async function network(name: string): Promise<NetworkWeights> {
  const [, , height, width] = golden[name]!.input
  return importWeights(await decodeWeights(fixture(name), name), { height, width })
}

async function run(model: Uint8Array, name: string, first = 0, count = golden[name]!.input[0]): Promise<number[][]> {
  const session = await InferenceSession.create(model)
  const [, ...shape] = golden[name]!.input
  const all = images(golden[name]!.input)
  const each = shape.reduce((a, b) => a * b, 1)
  const input = new Tensor('float32', all.slice(first * each, (first + count) * each), [count, ...shape])
  const { logits } = await session.run({ images: input })
  await session.release()
  const [rows, columns] = logits!.dims as [number, number]
  const values = [...(logits!.data as Float32Array)]
  return Array.from({ length: rows }, (_, i) => values.slice(i * columns, (i + 1) * columns))
}

const NETS = ['torchvision.pth', 'odd.pth', 'kuangliu.pth', 'andreasveit-plain.pth.tar', 'monai.pt', 'keras3.h5']
const encode = (net: NetworkWeights, options: OnnxOptions = {}): Uint8Array => encodeOnnx(onnxGraph(net, options))

describe.each(NETS)('%s', name => {
  test.each<[OnnxOptions, number]>([
    [{ fold: true }, 1e-5],
    [{ fold: false }, 1e-5],
    [{ precision: 'float16' }, 5e-3],
    [{ precision: 'int8' }, 0.03],
  ])('%j', async (options, tolerance) => {
    const logits = await run(encode(await network(name), options), name)
    expect(worstDifference(logits, golden[name]!.logits)).toBeLessThan(tolerance)
  })
})

test('the batch is free', async () => {
  const model = encode(await network('odd.pth'))
  expect(worstDifference(await run(model, 'odd.pth', 1, 1), [golden['odd.pth']!.logits[1]!])).toBeLessThan(1e-5)
})

test('folding removes the norms that follow a convolution, and nothing else', async () => {
  const count = async (fold: boolean): Promise<number> =>
    onnxGraph(await network('torchvision.pth'), { fold }).nodes.filter(({ op }) => op === 'BatchNormalization').length
  // The stem's, two for each of four layers, the transition's, the last.
  expect([await count(false), await count(true)]).toEqual([11, 6])
})

test('int8 weights take a quarter of the bytes', async () => {
  const net = await network('keras3.h5')
  const ratio = encode(net, { precision: 'int8' }).length / encode(net).length
  expect(ratio).toBeLessThan(0.3)
})

test('what is too large for half precision is named', async () => {
  const net = await network('odd.pth')
  const parameters = net.parameters.slice()
  parameters.fill(1e6, -1)
  expect(() => encode({ ...net, parameters }, { precision: 'float16' })).toThrow(DenseNetError)
  expect(() => encode({ ...net, parameters }, { precision: 'float16' })).toThrow(
    /classifier.bias has values beyond 65504/,
  )
})
