// WebAssembly's one memory: it is used again, it has an end, and both ends are met with sentences.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CompiledBackend } from '../../dist/backends/compiled/backend.js'
import { createWasmBackend } from '../../dist/backends/wasm-node/backend.js'
import { createSession } from '../../dist/engine/session.js'
import { architecture } from '../../dist/model/architecture.js'
import { resolveConfig } from '../../dist/model/config.js'
import { preset } from '../../dist/model/presets.js'
import { randomStream } from '../../dist/util/random.js'
import { wasmBuilds } from '../compiled-builds.js'

const SGD = { momentum: 0.9, weightDecay: 1e-4, nesterov: true }
const GIGABYTE = 2 ** 30

describe.skipIf(!wasmBuilds.some(({ available }) => available))('memory of the wasm backend', () => {
  let backend: CompiledBackend
  beforeAll(async () => {
    backend = await createWasmBackend({ threads: 2 })
  })
  afterAll(() => backend.dispose())

  /** MB in use, as the refusal of a buffer that is too large says it. */
  const used = (): number => {
    try {
      backend.createBuffer(2 * GIGABYTE).dispose()
    } catch (error) {
      return Number(/(\d+) MB are in use/.exec((error as Error).message)![1])
    }
    throw new Error('a buffer of 8 GB fits')
  }

  test('a buffer that no address reaches is refused in a sentence', () => {
    expect(() => backend.createBuffer(2 * GIGABYTE)).toThrow(
      /^there is not enough memory for a buffer of 8192 MB: WebAssembly has 4096 MB at most, and no more than the system gives; \d+ MB are in use$/,
    )
  })

  test('so is one for which the rest is too small, and what was there stays as it was', async () => {
    const held = backend.createBuffer(2 ** 22)
    await held.write(Float32Array.from({ length: 1000 }, (_, i) => i))
    expect(() => backend.createBuffer(GIGABYTE - 2 ** 19)).toThrow(
      /^there is not enough memory for a buffer of 4094 MB/,
    )
    expect((await held.read(999, 1))[0]).toBe(999)
    held.dispose()
  })

  test('a network that needs more is refused in a sentence, and a smaller one is trained after it', async () => {
    const net = architecture(preset('densenet-201'))
    const refused = createSession(net, backend, { batchSize: 256, optimizer: SGD })
    await expect(refused).rejects.toMatchObject({
      message: expect.stringMatching(/^there is not enough memory for a buffer of \d{4,5} MB: WebAssembly has 4096 MB/),
      hint: 'use a smaller --batch-size, --memory recompute, or --backend native',
    })
    await trainOnce()
  })

  const trainOnce = async (batchSize = 4): Promise<void> => {
    const config = resolveConfig({ blocks: [2, 2], growthRate: 8, height: 16, width: 16, classes: 3 })
    const session = await createSession(architecture(config), backend, { batchSize, optimizer: SGD })
    const images = new Float32Array(batchSize * 768).fill(0.5)
    await session.trainStep({ size: batchSize, images, labels: new Float32Array(batchSize) }, { learningRate: 0.1 })
    session.dispose()
  }

  test('many sessions, one after the other, take the memory of one', async () => {
    await trainOnce(64)
    const before = used()
    for (let i = 0; i < 100; i++) await trainOnce(1 + ((i * 37) % 64))
    expect(used()).toBe(before)
    // Untouched, it takes nothing but addresses.
    backend.createBuffer(GIGABYTE - 2 ** 25).dispose()
  })

  test('buffers keep what is theirs, whatever comes and goes beside them', async () => {
    const random = randomStream(4, 'shuffle')
    const held = new Map<ReturnType<CompiledBackend['createBuffer']>, number>()
    const before = used()
    for (let i = 0; i < 3000; i++) {
      if (held.size > 30 || (held.size > 0 && random.uniform() < 0.4)) {
        const [buffer, value] = [...held][random.integer(held.size)]!
        expect((await buffer.read()).every(x => x === value)).toBe(true)
        buffer.dispose()
        held.delete(buffer)
        continue
      }
      const buffer = backend.createBuffer(random.integer(2000))
      expect((await buffer.read()).every(x => x === 0)).toBe(true)
      await buffer.write(new Float32Array(buffer.elements).fill(i))
      held.set(buffer, i)
    }
    for (const buffer of held.keys()) buffer.dispose()
    expect(used()).toBe(before)
  })

  test('a buffer lives as long as a program that uses it', async () => {
    const fill = { kernel: 'fill', target: { buffer: 0, offset: 0 }, elements: 8, value: 3 } as const
    const buffers = [{ name: 'p', elements: 8, role: 'parameters' }] as const
    const program = { batchSize: 1, buffers, calls: [fill], offsets: [-1], arenaBytes: 0 }
    const parameters = backend.createBuffer(8)
    const executable = await backend.compile(program, { parameters })
    parameters.dispose()
    const other = backend.createBuffer(8)
    await executable.run({ batch: 1 })
    expect([...(await other.read())]).toEqual(new Array(8).fill(0))
    executable.dispose()
    other.dispose()
  })
})
