// A build of the compiled engine against the reference, kernel by kernel.
import { afterAll, describe, expect, test } from 'vitest'
import type { CompiledBuild } from '../compiled-builds.js'
import { conformanceCases, unusualCases } from './cases.js'
import { expectedOf } from './expected.js'
import { type ConformanceCase, compareCase, runCase, type Tolerance } from './harness.js'

export async function testConformance({ name, available, open }: CompiledBuild): Promise<void> {
  const backend = available ? await open(2) : null
  const refusal = ({ program }: ConformanceCase): string | null => backend?.refuses(program.calls[0]!) ?? null
  const refused = new Map(conformanceCases.map(testCase => [testCase, refusal(testCase)]))

  describe.skipIf(!available)(`${name} agrees with the reference`, () => {
    const worst: Record<string, Tolerance> = {}
    afterAll(() => {
      if (process.env.DENSENET_SHOW_ERRORS) console.table(worst)
      backend?.dispose()
    })
    test('refuses nothing that DenseNets have', () => {
      const usual = conformanceCases.filter(testCase => !unusualCases.includes(testCase))
      expect(usual.filter(testCase => refused.get(testCase) !== null).map(({ name }) => name)).toEqual([])
    })
    for (const testCase of conformanceCases) {
      const why = refused.get(testCase)!
      test(testCase.name, async ({ skip }) => {
        if (why !== null) skip(why)
        const expected = await expectedOf(testCase)
        const { errors, problems } = compareCase(testCase, expected, await runCase(backend!, testCase))
        const { kernel } = testCase.program.calls[0]!
        const { many, few } = worst[kernel] ?? errors
        worst[kernel] = { many: Math.max(many, errors.many), few: Math.max(few, errors.few) }
        expect(problems).toEqual([])
      })
    }
  })
}
