// Tiles of products: which is chosen by what it costs, that each is right, and that a GPU is measured once.
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TILES, tileFor, tileName, tilesUsed, USUAL_COSTS } from '../../dist/backends/webgpu/tiles.js'
import { keptCosts } from '../../dist/backends/webgpu-node/kept-costs.js'
import { conformanceCases } from '../conformance/cases.js'
import { expectedOf } from '../conformance/expected.js'
import { compareCase, initialArena, onGpu, runCase } from '../conformance/harness.js'
import { gpuAvailable, openGpu } from '../webgpu-available.js'

const names = TILES.map(tileName)

test('the tile that takes the least time is chosen', () => {
  expect(tileName(tileFor(48, USUAL_COSTS))).toBe('48x64/4')
  expect(tileName(tileFor(12, USUAL_COSTS))).toBe('12x128/6')
  // Two of 32 in the time of half a one of 64.
  const costs = USUAL_COSTS.map((cost, i) => (names[i] === '32x128/8' ? cost / 4 : cost))
  expect(tileName(tileFor(64, costs))).toBe('32x128/8')
  expect(tilesUsed(USUAL_COSTS).map(tileName)).toEqual(names.slice(0, 6))
})

describe.skipIf(!gpuAvailable)('on a GPU that is measured', () => {
  const cache = mkdtempSync(join(tmpdir(), 'densenet-gpus-'))
  const before = process.env.XDG_CACHE_HOME
  beforeAll(() => {
    process.env.XDG_CACHE_HOME = cache
  })
  afterAll(() => {
    if (before === undefined) delete process.env.XDG_CACHE_HOME
    else process.env.XDG_CACHE_HOME = before
  })
  const file = () => join(cache, 'densenet', 'gpus', readdirSync(join(cache, 'densenet', 'gpus'))[0]!)

  test('once: what it said is kept, and said with the name of the backend', async () => {
    const first = await openGpu({ measured: true })
    first.dispose()
    expect(first.description).toMatch(/^webgpu: .*, tiles \d+x/)
    const text = readFileSync(file(), 'utf8')
    expect(Object.keys(JSON.parse(text))).toEqual(names)
    const second = await openGpu({ measured: true })
    second.dispose()
    expect(second.description).toBe(first.description)
    expect(readFileSync(file(), 'utf8')).toBe(text)
  })

  const some = ['convolutionForward', 'convolutionBackward'].map(
    kernel =>
      conformanceCases.find(
        ({ name }) => name.startsWith(`${kernel}: size 3`) && /outputs (?!12).*norm, statistics, deferred$/.test(name),
      )!,
  )
  test.each(names.filter(name => !tilesUsed(USUAL_COSTS).map(tileName).includes(name)))('%s is right', async only => {
    writeFileSync(file(), JSON.stringify(Object.fromEntries(names.map(name => [name, name === only ? 1 : 1e9]))))
    const backend = await openGpu({ measured: true })
    expect(backend.description).toMatch(new RegExp(`, tiles ${only}$`))
    for (const testCase of some) {
      const before = Float32Array.from(initialArena(testCase, 1e30))
      const expected = await expectedOf(testCase)
      const found = compareCase(onGpu(testCase), expected, await runCase(backend, testCase, before), before)
      expect(found.problems).toEqual([])
    }
    backend.dispose()
  })

  test('a damaged file is measured anew', async () => {
    writeFileSync(file(), '{"12x128/6": 0}')
    const title = basename(file(), '.json')
    expect(await keptCosts(title, async () => USUAL_COSTS)).toEqual(USUAL_COSTS)
    expect(Object.keys(JSON.parse(readFileSync(file(), 'utf8')))).toEqual(names)
  })
})
