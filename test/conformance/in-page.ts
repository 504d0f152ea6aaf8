// For a page: cases on its GPU against the reference.
import { createWebGpuBackend } from '../../dist/backends/webgpu/backend.js'
import { webGpu } from '../../dist/backends/webgpu/platform.js'
import { conformanceCases } from './cases.js'
import { expectedOf } from './expected.js'
import { compareCase, initialArena, onGpu, runCase } from './harness.js'

/** What is wrong with the cases of these names, and how many there were. */
async function conform(names: readonly string[]): Promise<{ backend: string; cases: number; problems: string[] }> {
  const backend = await createWebGpuBackend(webGpu())
  const cases = conformanceCases.filter(({ name }) => names.includes(name))
  const problems = await Promise.all(
    cases.map(async testCase => {
      const before = Float32Array.from(initialArena(testCase, 1e30))
      const expected = await expectedOf(testCase)
      const found = compareCase(onGpu(testCase), expected, await runCase(backend, testCase, before), before)
      return found.problems.map(problem => `${testCase.name}: ${problem}`)
    }),
  )
  const { description } = backend
  backend.dispose()
  return { backend: description, cases: cases.length, problems: problems.flat() }
}

Object.assign(globalThis, { conform })
