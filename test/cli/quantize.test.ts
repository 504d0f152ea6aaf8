// densenet quantize, and the commands that take what it writes, as a person types them.
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { SHIPPED } from '../../dist/networks/shipped.js'
import { instructionSets } from '../native-available.js'
import { temporaryFolder } from '../training/fixtures.js'
import { densenet } from './run.js'

const folder = temporaryFolder()
const env = { XDG_CACHE_HOME: folder, DENSENET_OFFLINE: '1' }
const pictures = fileURLToPath(new URL('../networks/fixtures/cifar10', import.meta.url))
const int8 = join(folder, 'int8.safetensors')
const run = (...args: readonly string[]) => densenet(args, { env })

describe.skipIf(instructionSets.length === 0)('quantize', () => {
  test('a folder of images: the same answers, in a smaller file', async () => {
    const { code, out, err } = await run('quantize', 'cifar10', '--data', pictures, '--output', int8)
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/int8\.safetensors: 18 of 18 dense layers in int8, 1 MB\n/)
    expect(out).toMatch(
      /\n {2}one layer in int8 changes logits by \d\.\d\d % at most \(features\.denseblock\d\.denselayer\d\)\n/,
    )
    expect(out).toMatch(/\nthe same class as in float32 for 100\.00 % of \d+ images\n$/)
    expect(statSync(int8).size).toBeLessThan(0.45 * statSync(SHIPPED.path).size)
  })

  test('a data set with labels: both errors, as test tells them', async () => {
    const limits = ['--images', '16', '--test-limit', '32', '--output', join(folder, 'b.safetensors'), '--json']
    const { code, out } = await run('quantize', 'cifar10', '--dataset', 'synthetic', ...limits)
    expect(code).toBe(0)
    const { images, agreement, error, layers, bytes } = JSON.parse(out)
    expect({ images, bytes }).toEqual({ images: 32, bytes: statSync(join(folder, 'b.safetensors')).size })
    expect(agreement).toBeGreaterThan(0.8)
    expect(Math.abs(error.int8 - error.float32)).toBeLessThan(20)
    expect(layers).toHaveLength(18)
    const limit = ['--test-limit', '32', '--json']
    const tested = await run('test', join(folder, 'b.safetensors'), '--dataset', 'synthetic', ...limit)
    expect(JSON.parse(tested.out).top1Error).toBe(error.int8)
  })

  test('its file is classified with', async () => {
    const classified = await run('classify', '--model', int8, join(pictures, 'ship.png'), '--top', '1')
    expect(classified.out).toMatch(/growth rate 12, 10 classes, 18 layers in int8\n/)
    expect(classified.out).toMatch(/ship\.png {3}ship {3}\d+\.\d\d %\n/)
  })

  test('its file goes out as ONNX', async () => {
    const { code } = await run('convert', int8, join(folder, 'int8.onnx'))
    expect([code, existsSync(join(folder, 'int8.onnx'))]).toEqual([0, true])
  })

  test.each([
    [['quantize', 'cifar10', '--output', 'x.pth', '--data', pictures], 'x.pth must end in .safetensors'],
    [['quantize', 'cifar10', '--output', 'x.safetensors'], 'which images?'],
    [['quantize', int8, '--output', 'x.safetensors', '--data', pictures], 'making int8 needs weights in float32'],
    [['train', '--pretrained', int8, '--dataset', 'synthetic', '--epochs', '1'], 'training needs weights in float32'],
    [['inspect', int8, 'weights'], 'inspecting needs weights in float32'],
    [['convert', int8, 'x.safetensors'], 'safetensors files cannot hold layers in int8; ONNX files can'],
    [['classify', '--model', int8, pictures, '--backend', 'wasm'], 'the wasm backend has no layers in int8'],
  ])('%j: a sentence', async (args, sentence) => {
    const { code, err } = await run(...args)
    expect(code).toBeGreaterThan(0)
    expect(err).toContain(`error: `)
    expect(err).toContain(sentence)
  })
})
