// How a gradient program is cut for several processes.
import { describe, expect, test } from 'vitest'
import { bufferOf, operandsOf } from '../../dist/engine/operands.js'
import { plan } from '../../dist/engine/planner.js'
import type { Program } from '../../dist/engine/program.js'
import { planSharing, stretchesOf } from '../../dist/engine/sharing.js'
import { architecture } from '../../dist/model/architecture.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { preset } from '../../dist/model/presets.js'

/** Where in the gradient a program writes. */
function writesOf({ calls, buffers }: Program): number[] {
  return calls.flatMap(call =>
    operandsOf(call, 1).flatMap(operand =>
      operand.access !== 'read' && buffers[bufferOf(operand)]!.role === 'gradients' && 'ref' in operand
        ? [operand.ref.offset]
        : [],
    ),
  )
}

const described = architecture(preset('densenet-121'))
const table = parameterTable(described)
const gradient = plan(described, { mode: 'train', batchSize: 2 })

describe.each([1, 2, 3, 8, 64])('among %i', ranks => {
  const { parts, segments } = planSharing(gradient, table, new Set(), { rank: 0, ranks })
  const bounds = parts.map(stretches => ({ first: stretches[0]!.offset, end: endOf(stretches.at(-1)!) }))

  test('parts are the gradient, from its end, and stretches are parts', () => {
    expect(parts.length).toBeGreaterThan(3)
    expect([bounds[0]!.end, bounds.at(-1)!.first]).toEqual([table.parameterCount, 0])
    for (let i = 1; i < parts.length; i++) expect(bounds[i]!.end).toBe(bounds[i - 1]!.first)
    for (const stretches of parts) {
      expect(stretches).toHaveLength(ranks)
      for (let r = 1; r < ranks; r++) expect(stretches[r]!.offset).toBe(endOf(stretches[r - 1]!))
    }
  })

  test('each norm is entered by one of them, and whoever has it has both of its statistics', () => {
    const entered = Array.from({ length: ranks }, (_, rank) => {
      const { stretches, enter } = planSharing(gradient, table, new Set(), { rank, ranks }).statistics!
      const { offset, elements } = stretches[rank]!
      return (enter?.calls ?? []).map(call => {
        if (call.kernel !== 'runningStatistics') throw new Error(call.kernel)
        expect(call.runningMean.offset).toBeGreaterThanOrEqual(offset)
        expect(call.runningVariance.offset + call.channels).toBeLessThanOrEqual(offset + elements)
        return call.runningMean.offset
      })
    })
    const norms = table.running.filter(({ name }) => name.endsWith('running_mean')).map(({ offset }) => offset)
    expect(entered.flat()).toEqual(norms)
  })

  test('no segment writes what an earlier one has finished', () => {
    expect(segments.flatMap(({ calls }) => calls)).toHaveLength(
      gradient.calls.length + gradient.calls.filter(({ kernel }) => kernel === 'runningStatistics').length,
    )
    for (const [i, segment] of segments.entries()) {
      const finished = i === 0 ? table.parameterCount : bounds[i - 1]!.first
      for (const offset of writesOf(segment)) expect(offset).toBeLessThan(finished)
    }
  })
})

test('what is frozen does not travel', () => {
  const last = table.parameters.filter(({ name }) => name.startsWith('classifier.'))
  const frozen = new Set(table.parameters.map(({ name }) => name).filter(name => !name.startsWith('classifier.')))
  const program = plan(described, { mode: 'train', batchSize: 2, frozen })
  const { parts, statistics } = planSharing(program, table, frozen, { rank: 0, ranks: 2 })
  expect(parts.at(-1)![0]!.offset).toBe(last[0]!.offset)
  expect(statistics).toBeNull()
})

test('stretches may be empty, and lack nothing', () => {
  for (const elements of [0, 1, 15, 16, 17, 100, 1000]) {
    const stretches = stretchesOf({ offset: 7, elements }, 8)
    expect(stretches.reduce((sum, stretch) => sum + stretch.elements, 0)).toBe(elements)
    expect(stretches.every(stretch => stretch.elements >= 0)).toBe(true)
  }
})

function endOf({ offset, elements }: { readonly offset: number; readonly elements: number }): number {
  return offset + elements
}
