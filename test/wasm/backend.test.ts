// How the wasm backend is chosen, opened and closed, and what it says when it cannot be.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { createBackend } from '../../dist/backends/registry.js'
import { builds, ownSources, runnableBuilds } from '../../dist/backends/wasm/builds.js'
import { createWasmBackend } from '../../dist/backends/wasm-node/backend.js'
import { nodeHost } from '../../dist/backends/wasm-node/host.js'
import type { KernelCall } from '../../dist/engine/kernels.js'
import { wasmBuilds } from '../compiled-builds.js'
import { conformanceCases } from '../conformance/cases.js'
import { arenaElements, runCase } from '../conformance/harness.js'

const bytesOf = (build: 'simd' | 'relaxed'): Buffer => readFileSync(fileURLToPath(ownSources[build] as URL))
const first = conformanceCases[0]!

const before = { ...process.env }
afterEach(() => {
  // Never by another object: what is set there no library sees.
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
  Object.assign(process.env, before)
})

describe.skipIf(!wasmBuilds.some(({ available }) => available))('the wasm backend', () => {
  test('is small', () => {
    for (const build of builds) expect(gzipSync(bytesOf(build)).length).toBeLessThan(100_000)
  })

  test('is opened by name, and says what it is', async () => {
    const backend = await createBackend({ backend: 'wasm', threads: 2 })
    const best = { relaxed: 'relaxed SIMD', simd: 'SIMD, the same bits everywhere' }[runnableBuilds()[0]!]
    expect(backend.name).toBe('wasm')
    expect(backend.description).toBe(`wasm: ${best}, 2 threads`)
    backend.dispose()
  })

  test('takes the build that is asked for, by option or variable', async () => {
    process.env.DENSENET_ISA = 'simd'
    const backend = await createWasmBackend({ threads: 1 })
    expect(backend.description).toBe('wasm: SIMD, the same bits everywhere, 1 thread')
    backend.dispose()
    process.env.DENSENET_ISA = 'avx2'
    await expect(createWasmBackend()).rejects.toThrow(
      /^expected a build of the wasm backend that can be run here \(.*simd\) for DENSENET_ISA, got "avx2"$/,
    )
    await expect(createWasmBackend({ instructionSet: 'sse' })).rejects.toThrow(/ for instructionSet, got "sse"$/)
  })

  test('wants threads that there can be', async () => {
    for (const threads of [0, 1.5, 300]) {
      await expect(createBackend({ backend: 'wasm', threads })).rejects.toMatchObject({ code: 'usage' })
    }
  })

  test('takes bytes, and says what is wrong with others', async () => {
    const backend = await createWasmBackend({ threads: 1, sources: { simd: bytesOf('simd') } })
    await runCase(backend, first)
    backend.dispose()
    const broken = createWasmBackend({ threads: 1, instructionSet: 'simd', sources: { simd: new Uint8Array(8) } })
    await expect(broken).rejects.toThrow(/^the wasm backend cannot be loaded \(/)
    const missing = createWasmBackend({ threads: 1, instructionSet: 'simd', sources: { simd: '/no/such/file.wasm' } })
    await expect(missing).rejects.toThrow(/^the wasm backend cannot be loaded \(.*no such file/)
  })

  test('runs without threads where memory cannot be shared, and says what would help', async () => {
    const warnings: string[] = []
    const backend = await createWasmBackend({
      host: { ...nodeHost, alone: 'so it is' },
      onWarning: message => warnings.push(message),
    })
    const shared = await createWasmBackend({ threads: 2 })
    expect(await runCase(backend, first)).toEqual(await runCase(shared, first))
    expect(backend.description).toMatch(/, 1 thread$/)
    expect(warnings).toEqual(['the wasm backend runs on one thread: so it is'])
    backend.dispose()
    shared.dispose()
  })

  test('does not go on when a thread fails', async () => {
    const backend = await createWasmBackend({
      threads: 2,
      host: {
        ...nodeHost,
        start(heard, failed) {
          let started = false
          const port = nodeHost.start(answer => {
            if (started) failed('it is gone')
            else heard(answer)
            started = true
          }, failed)
          return port
        },
      },
    })
    await expect(runCase(backend, first)).rejects.toThrow(
      'the wasm backend cannot go on: one of its threads failed (it is gone)',
    )
    await expect(runCase(backend, first)).rejects.toThrow(
      'a compiled program cannot be run: one of its threads failed (it is gone)',
    )
    backend.dispose()
  })

  test('refuses what it has no kernel for, and buffers and runs that are not its own', async () => {
    const backend = await createWasmBackend({ threads: 1 })
    const other = await createWasmBackend({ threads: 1 })
    const call = conformanceCases.find(({ name }) => /^convolutionForward: size 3.*norm/.test(name))!.program
      .calls[0] as Extract<KernelCall, { kernel: 'convolutionForward' }>
    expect(backend.refuses({ ...call, size: 5 })).toMatch(/^the wasm backend convolves /)
    expect(backend.refuses({ ...call, size: -1 })).toMatch(/^size /)
    const arena = other.createBuffer(arenaElements(first.program))
    await expect(backend.compile(first.program, { arena })).rejects.toThrow(
      'the buffer bound to "arena" belongs to another backend',
    )
    const own = backend.createBuffer(arenaElements(first.program))
    const executable = await backend.compile(first.program, { arena: own })
    await expect(executable.run({ batch: 99 })).rejects.toThrow('batch')
    backend.dispose()
    // What is under way is finished first.
    await new Promise(resolve => setTimeout(resolve, 10))
    await expect(executable.run(first.runArguments)).rejects.toThrow('its backend was disposed of')
    other.dispose()
  })

  test('runs that are started together are made one after the other, and the caller is not blocked', async () => {
    const backend = await createWasmBackend({ threads: 2 })
    const fill = { kernel: 'fill', target: { buffer: 0, offset: 0 }, elements: 1 << 22, value: 3 } as const
    const buffers = [{ name: 'p', elements: 1 << 22, role: 'parameters' }] as const
    const program = { batchSize: 1, buffers, calls: [fill], offsets: [-1], arenaBytes: 0 }
    const parameters = backend.createBuffer(1 << 22)
    const executables = await Promise.all(
      [3, 4, 5].map(value => backend.compile({ ...program, calls: [{ ...fill, value }] }, { parameters })),
    )
    const ended: number[] = []
    const runs = executables.map((executable, i) => executable.run({ batch: 1 }).then(() => ended.push(i)))
    expect(ended).toEqual([])
    await Promise.all(runs)
    expect(ended).toEqual([0, 1, 2])
    expect((await parameters.read()).every(x => x === 5)).toBe(true)
    const seconds = await executables[0]!.profile({ batch: 1 })
    expect(seconds).toHaveLength(1)
    expect(seconds[0]).toBeGreaterThan(0)
    backend.dispose()
  })
})

describe('auto', () => {
  test.skipIf(!wasmBuilds.some(({ available }) => available))(
    'takes wasm where native cannot be loaded, and says so once',
    async () => {
      process.env.DENSENET_NATIVE = '/no/such/addon.node'
      const warnings: string[] = []
      const backend = await createBackend({ threads: 1, onWarning: message => warnings.push(message) })
      expect(backend.name).toBe('wasm')
      expect(warnings).toEqual([expect.stringMatching(/^the native backend cannot be loaded .*; using wasm: .*slower/)])
      backend.dispose()
    },
  )
})
