// Files that are cut or flipped: refused with a sentence, or, where a flip only changes a number, read. Nothing else may
// happen.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DenseNetError } from '../../dist/errors.js'
import { importWeights } from '../../dist/interop/import-weights.js'
import { decodeWeightFile as decodeWeights } from '../../dist/networks/weight-files.js'
import { fixture } from './fixtures.js'

/** Reads and imports; anything but weights or a sentence fails the test. Resolves to whether a whole network was read: Caffe's
 * files have no end, so that one may be cut before its classifier. */
async function attempt(bytes: Uint8Array): Promise<boolean> {
  try {
    const { report } = importWeights(await decodeWeights(bytes, 'x'))
    return report.format !== 'Caffe' || report.headless === null
  } catch (error) {
    expect(error).toBeInstanceOf(DenseNetError)
    return false
  }
}

const FORMATS = [
  'torchvision.pth',
  'published.pth',
  'checkpoint-old.pth.tar',
  'checkpoint.pth.tar',
  'timm.safetensors',
  'original/model_6.t7',
  'caffe.caffemodel',
  'mxnet-0000.params',
  'mxnet-legacy.params',
  'chainer-yasunorikudo.npz',
  'lasagne-fast.npz',
]

describe.each(FORMATS)('%s', name => {
  const whole = fixture(name)

  test('cut anywhere, is refused', async () => {
    // All of the first and last bytes, and every so many of those between.
    const step = Math.ceil(whole.length / 300)
    for (let length = 0; length < whole.length; length += length < 300 || length > whole.length - 300 ? 1 : step) {
      expect(await attempt(whole.subarray(0, length)), `${length} bytes`).toBe(false)
    }
  })

  test('with bytes changed, is read or refused', async () => {
    const places = fc.oneof(fc.nat(whole.length - 1), fc.nat(Math.min(4000, whole.length - 1)))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(places, fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 3 }),
        async changes => {
          const damaged = Uint8Array.from(whole)
          for (const [at, value] of changes) damaged[at] = value
          await attempt(damaged)
        },
      ),
      { numRuns: name.startsWith('original') ? 150 : 400 },
    )
  })
})

describe('HDF5', () => {
  const whole = fixture('keras3.weights.h5')
  // Each reading has a thread of its own, so fewer of them.
  test('cut, or with bytes changed, is read or refused', async () => {
    for (const length of [8, 100, 500, 2048, 10_000, whole.length >> 1, whole.length - 1000]) {
      expect(await attempt(whole.subarray(0, length)), `${length} bytes`).toBe(false)
    }
    const header = fc.tuple(fc.nat(6000), fc.integer({ min: 0, max: 255 }))
    await fc.assert(
      fc.asyncProperty(fc.array(header, { minLength: 1, maxLength: 3 }), async changes => {
        const damaged = Uint8Array.from(whole)
        for (const [at, value] of changes) damaged[at] = value
        await attempt(damaged)
      }),
      // A fixed seed: what sends jsfive in circles costs half a minute before it is ended.
      { numRuns: 40, seed: 1 },
    )
  })

  test('a group that contains itself is walked once', async () => {
    // The first child of /layers is made to be the root, whose address stands in the superblock.
    const root = whole.readBigUInt64LE(64)
    const damaged = Buffer.from(whole)
    const addresses: number[] = []
    for (let at = 96; at + 40 < damaged.length && addresses.length < 40; at += 8) {
      if (damaged.toString('latin1', at, at + 4) !== 'SNOD') continue
      for (let entry = 0; entry < damaged.readUInt16LE(at + 6); entry++) addresses.push(at + 16 + 40 * entry)
    }
    expect(addresses.length).toBeGreaterThan(4)
    for (const address of addresses) damaged.writeBigUInt64LE(root, address)
    expect(await attempt(damaged)).toBe(false)
  })
})
