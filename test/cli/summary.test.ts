// densenet summary and densenet data, as printed.
import { expect, test } from 'vitest'
import { densenet } from './run.js'

test('all networks with their parameters', async () => {
  const { code, out } = await densenet(['summary'])
  expect(code).toBe(0)
  for (const line of [
    /^densenet-40-12 +40 layers +1,019,722 +265 M$/m,
    /^densenet-bc-100-12 +100 layers +769,162 +288 M$/m,
    /^cosine-densenet-264-48 +265 layers +72,686,632 +12\.9 G$/m,
  ]) {
    expect(out).toMatch(line)
  }
})

test('one network, block by block, and what training it takes', async () => {
  const { code, out } = await densenet(['summary', 'densenet-bc-100-12', '--batch-size', '32'])
  expect(code).toBe(0)
  expect(out).toMatch(/^block 1 +32 x 32 +16 layers +24 -> 216 channels +175,680 parameters +175 M multiply-adds$/m)
  expect(out).toMatch(/^transition 2 +8 x 8 +1 layer +300 -> 150 channels/m)
  expect(out).toMatch(
    /^training at batch 32 takes \d+ MB \(store\) or \d+ MB \(recompute\) besides the images of the data set$/m,
  )
  expect(out).toMatch(/^parameters, gradients, momentum +10 MB +10 MB$/m)
})

test('for a data set, as JSON', async () => {
  const { out } = await densenet(['summary', 'densenet-bc-100-12', '--dataset', 'cifar100', '--json'])
  expect(JSON.parse(out)).toMatchObject({ name: 'densenet-bc-100-12', parameters: 800_032, config: { classes: 100 } })
})

test('of a description', async () => {
  const { out } = await densenet(['summary', '--depth=22', '--growth-rate=12', '--bottleneck', '--json'])
  expect(JSON.parse(out).parameters).toBe(71_686)
})

test('the data sets', async () => {
  const { code, out } = await densenet(['data'])
  expect(code).toBe(0)
  expect(out.match(/^\S+/gm)).toEqual(['cifar10', 'cifar100', 'svhn', 'mnist', 'fashion-mnist', 'synthetic'])
})

test('nothing to fetch for the generated one', async () => {
  expect(await densenet(['data', 'synthetic'])).toMatchObject({ code: 0, err: '' })
})
