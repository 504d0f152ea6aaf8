// A network in int8: what it answers beside float32, its file, what refuses it, damaged files of it, and the ONNX file.
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { createReferenceBackend } from '../../dist/backends/reference/backend.js'
import { inferenceProgram } from '../../dist/engine/inference.js'
import { decodeCheckpoint, encodeCheckpoint } from '../../dist/fitting/checkpoint.js'
import { DenseNet, type LayerLoss } from '../../dist/index.js'
import { inspection } from '../../dist/inspect/inspection.js'
import { onnxGraph } from '../../dist/interop/onnx-graph.js'
import { decodeSafetensors, encodeSafetensors } from '../../dist/interop/safetensors.js'
import type { Tensor } from '../../dist/interop/tensor.js'
import { architecture } from '../../dist/model/architecture.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { quantizedLayers } from '../../dist/model/quantization.js'
import { readCheckpoint } from '../../dist/runs/checkpoint.js'
import { concatenate } from '../../dist/util/bytes.js'
import { instructionSets } from '../native-available.js'
import { TINY, temporaryFolder, tinyDataset } from '../training/fixtures.js'

const on = createReferenceBackend()
const test12 = tinyDataset('test', 12)
const path = join(temporaryFolder(), 'int8.safetensors')
const [FIRST, SECOND] = [1, 2].map(block => `features.denseblock${block}.denselayer1`) as [string, string]
const sha256 = () => createHash('sha256')

function network(): DenseNet {
  const made = DenseNet.create({ ...TINY, dropRate: 0 }, { seed: 4 })
  made.normalisation = tinyDataset('test', 1).normalisation
  return made
}

const float32 = network()
let int8: DenseNet
let layers: readonly LayerLoss[]
beforeAll(async () => {
  const made = await float32.quantize(tinyDataset('train', 24), { on })
  int8 = made.network
  layers = made.layers
  await int8.save(path)
})

describe('a network in int8', () => {
  test('has all its dense layers in it, and the classes of float32', async () => {
    expect(layers.map(({ name, int8 }) => [name, int8])).toEqual([
      [FIRST, true],
      [SECOND, true],
    ])
    for (const { loss } of layers) expect(loss).toBeGreaterThan(0)
    for (const { loss } of layers) expect(loss).toBeLessThan(0.05)
    const [before, after] = [await float32.predict(test12, { on }), await int8.predict(test12, { on })]
    const differences = after.scores.map((score, i) => Math.abs(score - before.scores[i]!))
    const spread = Math.max(...before.scores) - Math.min(...before.scores)
    expect(Math.max(...differences)).toBeGreaterThan(0)
    expect(Math.max(...differences)).toBeLessThan(0.05 * spread)
  })

  test('answers the same once it was written and read', async () => {
    const read = await DenseNet.load(path)
    expect(read.quantization).toEqual(int8.quantization)
    expect(read.state).toEqual(int8.state)
    expect((await read.predict(test12, { on })).scores).toEqual((await int8.predict(test12, { on })).scores)
    const { tensors } = decodeSafetensors(readFileSync(path), path)
    expect(tensors.get(`${FIRST}.conv1.weight`)!.data).toBeInstanceOf(Int8Array)
    expect(tensors.get(`${FIRST}.conv2.weight.scale`)!.shape).toEqual([2])
    expect(statSync(path).size).toBeGreaterThan(0)
  })

  test('gives features, too', async () => {
    const [before, after] = await Promise.all([float32, int8].map(each => each.features(test12, { on })))
    const largest = Math.max(...before!.data)
    for (const [i, value] of after!.data.entries())
      expect(Math.abs(value - before!.data[i]!)).toBeLessThan(largest / 10)
    expect(after!.data).not.toEqual(before!.data)
  })

  test('may have layers in float32', () => {
    const quantization = int8.quantization!.filter(({ name }) => name === SECOND)
    const { calls } = inferenceProgram(architecture(int8.config), { batchSize: 1, quantization }, 'float32')
    expect(calls.map(({ kernel }) => kernel).filter(kernel => /dense/i.test(kernel))).toEqual([
      'denseLayerForward',
      'quantizedDenseLayerForward',
    ])
  })

  test('leaves a layer as it is that whole numbers would spoil', async () => {
    const checkpoint = await readCheckpoint(path)
    const { parameters } = checkpoint.state
    const offset = new Map(
      parameterTable(architecture(int8.config)).parameters.map(({ name, offset }) => [name, offset]),
    )
    // Where nothing is read, one weight is so large that the others, counted in its steps, are 0.
    for (const tensor of ['norm1.weight', 'norm1.bias']) parameters[offset.get(`${FIRST}.${tensor}`)!] = 0
    for (let b = 0; b < 4; b++) parameters[offset.get(`${FIRST}.conv1.weight`)! + b * 4] = 1e4
    // What the layer makes counts.
    const growth = offset.get(`${FIRST}.conv2.weight`)!
    for (let i = growth; i < growth + 72; i++) parameters[i]! *= 20
    const spoilt = DenseNet.of({ ...checkpoint, quantization: undefined })
    const made = await spoilt.quantize(tinyDataset('train', 8), { on })
    expect(made.layers.map(({ int8 }) => int8)).toEqual([false, true])
    expect(made.layers[0]!.loss).toBeGreaterThan(0.1)
    expect(made.network.quantization!.map(({ name }) => name)).toEqual([SECOND])
  })

  test('needs images', async () => {
    await expect(float32.quantize([], { on })).rejects.toThrow('there are no images to look at')
  })

  test.each([
    ['trained', () => int8.fit(tinyDataset('train', 4), { on, epochs: 1 }), 'training needs weights in float32'],
    ['evaluated', () => int8.evaluate(test12, { on }), 'evaluating (predicting does not) needs weights in float32'],
    ['made again', () => int8.quantize(test12, { on }), 'making int8 needs weights in float32'],
    ['inspected', () => inspection(int8, { what: 'weights' }), 'inspecting needs weights in float32'],
    ['written as .pth', () => int8.export(`${path}.pth`), 'pth files cannot hold layers in int8; ONNX files can'],
    ['written in halves', () => int8.export(`${path}.onnx`, { precision: 'float16' }), 'are in int8 already'],
  ])('is not %s', async (_, act, sentence) => {
    await expect(act()).rejects.toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining(sentence) }),
    )
  })

  test('is not made of one without bottlenecks', async () => {
    const plain = DenseNet.create({ ...TINY, bottleneck: false })
    const sentence = 'int8 is for dense layers with a bottleneck, and this network has none'
    await expect(plain.quantize(test12, { on })).rejects.toThrow(sentence)
  })
})

describe.skipIf(instructionSets.length === 0)('on the processor, in int8', () => {
  test('every number of threads has the same bits, close to the reference', async () => {
    const expected = (await int8.predict(test12, { on })).scores
    const each = []
    for (const threads of [1, 2, 3]) each.push((await int8.predict(test12, { backend: 'native', threads })).scores)
    expect(each[1]).toEqual(each[0])
    expect(each[2]).toEqual(each[0])
    for (const [i, score] of each[0]!.entries()) expect(Math.abs(score - expected[i]!)).toBeLessThan(0.02)
    int8.dispose()
  })
})

describe('a file in int8', () => {
  const name = `${FIRST}.conv1.weight`

  /** Its bytes with other tensors or another description; the checksum is that of what was changed. */
  async function changed(change: (tensors: Map<string, Tensor>, described: Record<string, unknown>) => void) {
    const { tensors, metadata } = decodeSafetensors(readFileSync(path), path)
    const described = JSON.parse(metadata.densenet!)
    change(tensors as Map<string, Tensor>, described)
    const zeros = '0'.repeat(64)
    const facts = { ...metadata, densenet: JSON.stringify(described), sha256: zeros }
    const bytes = concatenate(encodeSafetensors(tensors, facts))
    const text = Buffer.from(bytes)
    text.write(sha256().update(bytes).digest('hex'), text.indexOf(zeros), 'latin1')
    return () => decodeCheckpoint(text, 'x', sha256)
  }

  test('is read as it is', async () => {
    const checkpoint = (await changed(() => {}))()
    expect(checkpoint.quantization).toEqual(int8.quantization)
    expect(decodeCheckpoint(concatenate([...encodeCheckpoint(checkpoint, sha256)]), 'x', sha256)).toEqual(checkpoint)
  })

  test.each<[string, Parameters<typeof changed>[0], RegExp]>([
    ['no scales', tensors => tensors.delete(`${name}.scale`), /conv1\.weight must be in int8, with a float32 scale/],
    [
      'scales too few',
      tensors => tensors.set(`${name}.scale`, { shape: [1], data: new Float32Array(1) }),
      /must be in int8/,
    ],
    [
      'weights in float32',
      tensors => tensors.set(name, { shape: tensors.get(name)!.shape, data: new Float32Array(16) }),
      /must be in int8/,
    ],
    [
      'a layer that is none',
      (_, described) => (described.quantization = [{ name: 'x', inputStep: 1, betweenStep: 1 }]),
      /x is no layer of the network/,
    ],
    [
      'a step of 0',
      (_, described) => (described.quantization = [{ name: FIRST, inputStep: 0, betweenStep: 1 }]),
      /are 0 and 1, and not numbers above 0/,
    ],
    [
      'a step that is a word',
      (_, described) => (described.quantization = [{ name: FIRST, inputStep: '1', betweenStep: 1 }]),
      /is damaged \(its description lacks quantization/,
    ],
    [
      'int8 not spoken of',
      (_, described) => delete described.quantization,
      /has numbers of another type|holds .*scale, which its network does not have/,
    ],
  ])('%s: a sentence', async (_, change, sentence) => {
    expect(await changed(change)).toThrow(sentence)
  })
})

test('an ONNX file has whole weights, and pairs around what convolutions read', () => {
  const { parameters, running } = int8.state
  const { config, quantization } = int8
  const { nodes, initializers } = onnxGraph({ config, quantization, parameters, running })
  const made = new Map(nodes.map(node => [node.output, node]))
  const tensors = new Map(initializers.map(tensor => [tensor.name, tensor]))
  const number = (name: string): number => new DataView(tensors.get(name)!.bytes.buffer).getFloat32(0, true)
  for (const { convolutions, inputStep, betweenStep } of quantizedLayers(architecture(config), quantization!)) {
    for (const [i, { name }] of convolutions.entries()) {
      const [input, weight] = made.get(name)!.inputs.map(each => made.get(each)!) as [
        (typeof nodes)[0],
        (typeof nodes)[0],
      ]
      const counted = made.get(input.inputs[0]!)!
      expect([input.op, counted.op, weight.op]).toEqual(['DequantizeLinear', 'QuantizeLinear', 'DequantizeLinear'])
      expect(made.get(counted.inputs[0]!)!.op).toBe('Relu')
      expect(counted.inputs.slice(1)).toEqual(input.inputs.slice(1))
      expect(number(counted.inputs[1]!) * 255).toBeCloseTo([inputStep, betweenStep][i]! * 127, 4)
      expect(tensors.get(weight.inputs[0]!)!.type).toBe('int8')
      expect(Math.max(...new Int8Array(tensors.get(weight.inputs[0]!)!.bytes.buffer).map(Math.abs))).toBe(64)
    }
  }
})
