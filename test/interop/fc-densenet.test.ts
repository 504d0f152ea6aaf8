// FC-DenseNets from other programs and back: what we write comes in again, bfortuner's by names and order, what is none is refused.
import { expect, test } from 'vitest'
import { decodeWeights } from '../../dist/interop/decode-weights.js'
import { encodeWeights } from '../../dist/interop/encode-weights.js'
import { importWeights } from '../../dist/interop/import-weights.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { initialParameters } from '../../dist/model/initialise.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { fixture, golden, images, logitsOf, worstDifference } from './fixtures.js'

const size = { height: 7, width: 6 }
const config = resolveConfig({
  family: 'fc-densenet',
  blocks: [2, 1, 1, 2, 1],
  growthRate: 3,
  initialChannels: 5,
  classes: 4,
  ...size,
})
const table = parameterTable(architecture(config))
const weights = {
  config,
  parameters: initialParameters(table, 1, 'fc-densenet').map((value, i) => value + 0.1 * Math.sin(i)),
  running: Float32Array.from({ length: table.runningCount }, (_, i) => 0.6 + 0.4 * Math.sin(i)),
}

test.each(['safetensors', 'pth'] as const)('what we write as %s comes in again', async to => {
  const bytes = encodeWeights({ ...weights, classes: [], normalisation: null, preprocessing: null }, to) as Uint8Array
  const back = importWeights(await decodeWeights(bytes, `net.${to}`), size)
  // The file is made for PyTorch's epsilon.
  expect(back.config).toEqual({ ...config, bnEpsilon: 1e-5 })
  expect(back.parameters).toEqual(weights.parameters)
  const shown = images([2, 3, size.height, size.width])
  expect(worstDifference(await logitsOf(back, shown), await logitsOf(weights, shown))).toBeLessThan(1e-6)
})

const tiramisu = async () => decodeWeights(fixture('tiramisu.pth'), 'tiramisu.pth')

test("bfortuner's: names, order and what is assumed", async () => {
  const { config, report, normalisation } = importWeights(await tiramisu(), size)
  expect(config).toMatchObject({ family: 'fc-densenet', blocks: [2, 1, 1, 1, 2], growthRate: 3, classes: 4 })
  expect([report.family, report.within, normalisation]).toEqual(['bfortuner', 'state_dict', null])
  expect(report.assumed).toContain('skips last, as bfortuner concatenates: channels were put into our order')
})

test('shapes do not show the order: in ours it would answer otherwise', async () => {
  const { input, logits } = golden['tiramisu.pth']!
  const { tensors, ...file } = await tiramisu()
  const named = new Map([...tensors].map(([name, tensor]) => [ourName(name), tensor]))
  const { report, ...unturned } = importWeights({ ...file, tensors: named }, size)
  expect(report.family).toBe('torchvision')
  expect(worstDifference(await logitsOf(unturned, images(input)), logits)).toBeGreaterThan(0.01)
})

/** Of the fixture's two blocks down. */
const ourName = (name: string): string =>
  name
    .replace('firstconv.', 'features.conv0.')
    .replace('finalConv.', 'classifier.')
    .replace('bottleneck.bottleneck.', 'denseBlocksDown.2.')
    .replace(/^denseBlocksUp\.(\d)/, (_, i) => `denseBlocksDown.${Number(i) + 3}`)
    .replace(/^denseBlocksDown\.(\d)\.layers\.(\d)\.(norm|conv)/, (_, b, i, part) => {
      return `features.denseblock${Number(b) + 1}.denselayer${Number(i) + 1}.${part}1`
    })
    .replace(/^transDownBlocks\.(\d)/, (_, i) => `features.transitiondown${Number(i) + 1}`)
    .replace(/^transUpBlocks\.(\d)\.convTrans/, (_, i) => `features.transitionup${Number(i) + 3}.conv`)

test.each<[string, RegExp, string]>([
  ['a block that is missing', /^denseBlocksUp\.1\./, 'it has 4 dense blocks, but as many go up as down'],
  [
    'a layer that is missing',
    /^denseBlocksDown\.0\.layers\.0\.conv/,
    'features.denseblock1.denselayer1.conv1.weight is missing',
  ],
  ['no classifier', /^finalConv\./, 'classifier.weight is missing'],
])('%s is refused', async (_, left, sentence) => {
  const { tensors, ...file } = await tiramisu()
  const fewer = new Map([...tensors].filter(([name]) => name.search(left) < 0))
  expect(() => importWeights({ ...file, tensors: fewer }, size)).toThrow(sentence)
})
